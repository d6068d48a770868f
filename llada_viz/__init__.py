"""What people see: the tabs, the token canvas and what it is drawn from."""
