"""`python app.py` serves the page, as `llada-viz` does after an install; a Space imports `demo` from here."""

from llada_viz.command import build_page, read_flags, serve

if __name__ == "__main__":
    read_flags()  # --help before anything is loaded

demo = build_page()

if __name__ == "__main__":
    serve(demo)
