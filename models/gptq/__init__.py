"""4-bit weights in the GPTQ layout (2210.17323): read, unpacked, multiplied with, and made."""

from models.gptq.layout import Layout, find_layout
from models.gptq.loading import load_gptq
from models.gptq.quantizing import quantize

__all__ = ["Layout", "find_layout", "load_gptq", "quantize"]
