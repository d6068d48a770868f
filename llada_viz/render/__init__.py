"""From a sampler's events to what the page draws: pure functions over plain data, no gradio."""

from llada_viz.render.frames import FrameMaker, frames_of

__all__ = ["FrameMaker", "frames_of"]
