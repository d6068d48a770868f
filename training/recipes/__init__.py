"""One recipe an objective: its settings, its data, its module, what it leaves behind."""
