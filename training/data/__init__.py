"""Training data: rows of files, of Hugging Face hub sets and of bundled tasks, as token ids."""
