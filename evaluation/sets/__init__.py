"""Sets of problems, read from files, from the hub and from the bundled tasks."""
