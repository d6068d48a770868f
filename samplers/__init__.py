"""Samplers: how masked cells of an answer become text, as a stream of events; and what reads the stream."""

from samplers import algorithms
from samplers.canvas import Canvas, new_canvas
from samplers.denoiser import Denoiser, GuidedDenoiser
from samplers.fold import Board, fold
from samplers.network import ModelNetwork, PolicyModelNetwork
from samplers.registry import SAMPLERS, Sampler, make
from samplers.streams import collect, decode, interleave, record, replay

__all__ = [
    "SAMPLERS", "Board", "Canvas", "Denoiser", "GuidedDenoiser", "ModelNetwork", "PolicyModelNetwork",
    "Sampler", "algorithms", "collect", "decode", "fold", "interleave", "make", "new_canvas", "record",
    "replay",
]  # fmt: skip
