"""LLaDA Viz: `python app.py` serves the page on 127.0.0.1:7860, or on the next free port.

Environment: GRADIO_SERVER_NAME and GRADIO_SERVER_PORT (another address), LLADA_VIZ_HOME (folder of jobs
and runs), LLADA_VIZ_MODEL (folder of another model).
"""

import argparse
import os

if __name__ == "__main__":  # --help before anything is loaded
    form = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(description=__doc__, formatter_class=form).parse_args()

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from llada_viz.page import create_ui, launch_options  # noqa: E402 - the variables come first

demo = create_ui()

if __name__ == "__main__":
    demo.launch(**launch_options())
