"""What is loaded, and where it came from: what a reader needs to have the same model again."""

from __future__ import annotations

from pathlib import Path

from llada_viz.decoding.attached import NAMES, Attached, Using
from llada_viz.decoding.model_choice import digest_of, is_bundled
from llada_viz.decoding.networks import Sources
from llada_viz.host import public_host
from llada_viz.render.say_cells import counted
from models.assets import locate
from models.catalog import Known, catalog
from models.loading import LoadedModel
from models.memory import gigabytes

NOT_HASHED = "not computed: the files are large"


def facts(using: Using) -> list[tuple[str, str]]:
    """(label, value) of the network and of its parts; [] where none is loaded."""
    loaded = using.loaded
    if loaded is None:
        return []
    source = using.source if isinstance(using, Attached) else Sources(str(using.folder))
    known = _known(source)
    title = known.name if known else Path(source.model).name
    rows = [("Model", f"{title} ({known.id})" if known and known.id not in title else title)]
    rows.append(("From", origin_of(source.model)))
    if not is_bundled(source.model):
        rows.append(("Revision", _revision(loaded, source)))
    if known is not None:
        rows.append(("Licence", known.license or "not known"))
        rows.append(("Family", known.family.title))
    config = loaded.model.config
    rows += [
        ("Weights", f"{_count(loaded):,} in {counted(config.n_layers, 'layer')} of width {config.d_model:,}"),
        ("Digest", _digest(source.model)),
        ("Precision", loaded.precision), ("Device", device_of(loaded)),
        ("Memory", gigabytes(memory_of(loaded))),
        ("Context", f"{loaded.max_length:,} tokens"),
    ]  # fmt: skip
    if isinstance(using, Attached):
        rows += [
            (f"{NAMES[part][0].upper()}{NAMES[part][1:]}", origin.label)
            for part, origin in using.origins.items()
            if part != "model"
        ]
    return rows


def origin_of(model: str) -> str:
    """Where a model's files came from. A public host names no folder of its own."""
    if is_bundled(model):
        return "comes with LLaDA Viz"
    if Path(locate(model)).is_dir():
        return "a folder of this host" if public_host() else str(Path(locate(model)).resolve())
    return f"huggingface.co/{model}"


def device_of(loaded: LoadedModel) -> str:
    """In words."""
    name = loaded.device.upper()
    return f"{name}, and where there was room" if loaded.model.is_parted else name


def memory_of(loaded: LoadedModel) -> int:
    """Bytes of a network's weights, wherever they are."""
    tensors = [*loaded.model.parameters(), *loaded.model.buffers()]
    return sum(t.numel() * t.element_size() for t in {t.data_ptr(): t for t in tensors}.values())


def _known(source: Sources) -> Known | None:
    name = Path(locate(source.model)).name if is_bundled(source.model) else source.model
    return catalog().find(name)


def _revision(loaded: LoadedModel, source: Sources) -> str:
    if loaded.revision:
        return loaded.revision
    return source.revision or "none: it is a folder"


def _count(loaded: LoadedModel) -> int:
    """Weights; packed ones as many as they stand for."""
    from models.shape import shape_of

    return shape_of(loaded.model.config.to_dict()).parameters


def _digest(model: str) -> str:
    """Of the weight files of a folder. A hub id's commit says which files they are."""
    folder = Path(locate(model))
    if not folder.is_dir():
        return "the revision names the files"
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    newest = max((path.stat().st_mtime_ns for path in folder.glob("*.safetensors")), default=0)
    return digest_of(model, (size, newest)) or NOT_HASHED
