"""RemeDi's unmasking policy head: one logit a token from the last hidden state (2509.23653).

Linear(d -> 1), or Linear-GELU-Linear of `ups_width`. sigmoid(logit) is the probability that a
token should stay; 1 - sigmoid is the re-mask probability that the page shows.
"""

from __future__ import annotations

from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from models.assets import locate
from models.checkpoint import ModelError

HEAD_FILE = "ups_head.safetensors"
MOST_BYTES = 2**30


class UPSHead(nn.Module):
    """d_model: width of the hidden states; ups_width: width of the middle layer, 0 for a linear head."""

    def __init__(self, d_model: int, ups_width: int = 0) -> None:
        super().__init__()
        self.d_model, self.ups_width = d_model, ups_width
        self.inner = nn.Linear(d_model, ups_width) if ups_width else None
        self.outer = nn.Linear(ups_width or d_model, 1)

    def forward(self, hidden: Tensor) -> Tensor:
        """Logits, Float[…], of hidden states Float[…, d_model]; in the type of the head, on its device."""
        x = hidden.to(self.outer.weight)
        if self.inner is not None:
            x = nn.functional.gelu(self.inner(x))
        logits: Tensor = self.outer(x)[..., 0]
        return logits

    def save(self, path: Path) -> None:
        """One safetensors file, with the head's shape in its metadata."""
        shape = {"d_model": str(self.d_model), "ups_width": str(self.ups_width)}
        save_file({n: t.detach().cpu().contiguous() for n, t in self.state_dict().items()}, path, shape)


def load_ups_head(path: str | Path, d_model: int) -> UPSHead:
    """A saved head (a file, a folder with ups_head.safetensors in it, a bundled name), or a plain file of
    `weight` (d_model numbers) and `bias` (one number).

    ModelError when it cannot be read or belongs to hidden states of another width.
    """
    path = Path(locate(str(path)))
    if path.is_dir():
        path = path / HEAD_FILE
    if not path.is_file():
        raise ModelError(f"ups_head = {str(path)!r} is no file; allowed: a safetensors file, or its folder")
    if path.stat().st_size > MOST_BYTES:
        raise ModelError(f"ups_head = {path.name!r} is larger than 1 GiB")
    try:
        with safe_open(path, "pt") as file:
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
    except Exception as error:  # the reader's own type is not public
        raise ModelError(f"ups_head = {path.name!r} cannot be read: {error}") from None
    if set(state) == {"weight", "bias"}:
        state = {"outer.weight": state["weight"].reshape(1, -1), "outer.bias": state["bias"].reshape(-1)}
    first = state.get("inner.weight", state.get("outer.weight"))
    if first is None or first.ndim != 2:
        raise ModelError(f"ups_head = {path.name!r} holds {sorted(state)[:4]}; allowed: weight and bias")
    if first.shape[1] != d_model:
        wrong = f"ups_head = {path.name!r} has width {first.shape[1]}"
        raise ModelError(f"{wrong}; allowed: {d_model}, the model's")
    head = UPSHead(d_model, first.shape[0] if "inner.weight" in state else 0)
    try:
        head.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise ModelError(f"ups_head = {path.name!r} does not fit: {reason}") from None
    return head.eval().requires_grad_(False)
