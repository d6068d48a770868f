"""What is asked: files, public sets and bundled tasks as problems."""
