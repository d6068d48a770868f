"""`python app.py` serves the page, as `llada-viz` does after an install; a Space imports `demo` from here."""

from llada_viz.command import prepare_environment, read_flags

if __name__ == "__main__":
    read_flags()  # --help before anything is loaded
prepare_environment()

from llada_viz.page import create_ui, launch_options  # noqa: E402 - the variables come first

demo = create_ui()

if __name__ == "__main__":
    demo.launch(**launch_options())
