"""What `llada-viz NAME` runs besides the page: a module a name, each with `main(argv) -> int`."""
