"""Short English: what is no task, for there is nothing to check in an answer."""
