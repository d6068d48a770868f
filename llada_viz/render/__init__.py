"""From a sampler's events to what the page draws: pure functions over plain data, no gradio."""

from llada_viz.render.frames import FrameMaker

__all__ = ["FrameMaker"]
