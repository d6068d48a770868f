"""What is loaded and attached, live runs, comparisons. No gradio."""
