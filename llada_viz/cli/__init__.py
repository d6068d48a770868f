"""The subcommands of `llada-viz`, a module each."""
