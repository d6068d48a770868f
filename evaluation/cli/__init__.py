"""The subcommands of `python -m evaluation`: each module adds its flags and runs them."""
