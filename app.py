"""LLaDA Viz: `python app.py` serves the page on 127.0.0.1:7860, or on the next free port."""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from llada_viz.page import create_ui, launch_options  # noqa: E402 - the variables come first

demo = create_ui()

if __name__ == "__main__":
    demo.launch(**launch_options())
