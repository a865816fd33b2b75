"""What of a cfg decides what a network with given weights sees: by this its measures are known again."""

from __future__ import annotations

from annotator.darknet.network.cfg import Cfg

_NET = ("width", "height", "channels", "letter_box")
"""Of the [net] part; all else in it is about the training: batch, rates, changes to the pictures, …"""
_TRAINING_ONLY = frozenset(
    {
        "ignore_thresh", "truth_thresh", "jitter", "resize", "random", "iou_loss", "iou_thresh",
        "iou_normalizer", "cls_normalizer", "obj_normalizer", "max_delta", "focal_loss",
        "counters_per_class", "label_smooth_eps", "objectness_smooth", "max", "rescore", "thresh",
        "object_scale", "noobject_scale", "class_scale", "coord_scale", "bias_match", "stopbackward",
        "burnin_update", "train_only_bn", "angle", "hue", "saturation", "exposure",
    }
)  # fmt: skip
"""Keys of layers that are read while a network is trained only. One that is not known here counts."""


def network_mark(cfg: Cfg) -> str:
    """Text that two cfgs share where the same weights see the same with both.

    So what was measured stands after a training that went on with more subdivisions (the GPU's memory was
    full), with a lower learning rate, or up to a later iteration.
    """
    net = [f"{key}={cfg.net.get(key)}" for key in _NET if key in cfg.net]
    lines = [f"[net] {' '.join(net)}"]
    for layer in cfg.layer_sections:
        kept = sorted(
            (key, "".join(value.partition("#")[0].split()))
            for key, value in layer.options
            if key not in _TRAINING_ONLY
        )
        lines.append(f"[{layer.name}] " + " ".join(f"{key}={value}" for key, value in kept))
    return "\n".join(lines)
