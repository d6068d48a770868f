"""The OpenAI-compatible server. No gradio."""
