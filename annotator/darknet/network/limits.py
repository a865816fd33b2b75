"""What of a person's own network a Darknet, or the app's prediction, cannot do: known before hours are spent.

Sources: the cfg readers of hank-ai's Darknet (V5) and of OpenCV's DNN module (4.x).
"""

from __future__ import annotations

from dataclasses import replace

from annotator.darknet.network.cfg import Cfg, Section
from annotator.darknet.network.presets import Dialect

HANK_LAYERS = frozenset(
    {"convolutional", "maxpool", "upsample", "connected", "crnn", "rnn", "local_avgpool", "lstm", "reorg3d"}
    | {"avgpool", "yolo", "cost", "region", "gaussian_yolo", "contrastive", "route", "shortcut", "softmax"}
    | {"scale_channels", "sam", "dropout"}
)
"""Layers that hank-ai's Darknet has; it ends at any other."""

_HANK_WORDS = (
    "B1 B2 absolute activation adam adversarial_lr anchors angle antialiasing aspect "
    "assisted_excitation attention augment_speed badlabels_rejection_percentage batch batch_normalize "
    "beta_nms bias_match bin_output binary blur burn_in burnin_update cbn channels class_scale classes "
    "classfix clip cls_normalizer contrastive contrastive_color contrastive_jit_flip "
    "contrastive_neg_max coord_scale coordconv coords counters_per_class cutmix decay delta_normalizer "
    "dets_for_show dets_for_track dilation dont_update dontload dontloadscales dot dynamic_minibatch "
    "ema_alpha embedding_layer eps equidistant_point exposure filters flip flipped focal_loss from "
    "gamma gaussian_noise grad_centr group_id groups height hidden hue ignore_thresh inputs iou_loss "
    "iou_normalizer iou_thresh iou_thresh_kind jitter label_smooth_eps layers learning_rate "
    "learning_rate_min letter_box log logistic loss_scale map mask mask_scale max max_batches "
    "max_chart_loss max_crop max_delta maxpool_depth maxpool_zero_nonmax min_crop mixup momentum mosaic "
    "mosaic_bound new_coords nms_kind noloss noobject_scale num num_sigmas_reject_badlabels "
    "obj_normalizer object_scale objectness_smooth onlyforward optimized_memory out_channels output pad "
    "padding policy power random ratio rescore resize resize_step reverse rotate saturation scale "
    "scale_wh scale_x_y scales seq_scales sequential_subdivisions sgdr_cycle sgdr_mult share_index "
    "shortcut show_receptive_field sim_thresh size softmax spatial sqrt step steps stopbackward stream "
    "stretch stretch_sway stride stride_x stride_y subdivisions sway temperature thresh time_steps "
    "track track_ciou_norm track_history_size train_only_bn tree truth_thresh try_fix_nan type "
    "uc_normalizer unsupervised use_cuda_graph wait_stream weights_normalization weights_reject_freq "
    "weights_type width workspace_size_limit_MB xnor yolo_layer yolo_point "
)
HANK_KEYS = frozenset(_HANK_WORDS.split())
"""Keys that hank-ai's Darknet has in one section or another; it ends at any other."""

_HANK_YOLO_WORDS = (
    "anchors beta_nms classes cls_normalizer counters_per_class delta_normalizer dets_for_show "
    "dets_for_track embedding_layer focal_loss ignore_thresh iou_loss iou_normalizer iou_thresh "
    "iou_thresh_kind jitter label_smooth_eps map mask max max_delta new_coords nms_kind num "
    "obj_normalizer objectness_smooth random resize scale_x_y sim_thresh track_ciou_norm "
    "track_history_size truth_thresh onlyforward dont_update dontload dontloadscales burnin_update "
    "train_only_bn clip stopbackward learning_rate "
)
HANK_YOLO_KEYS = frozenset(_HANK_YOLO_WORDS.split())
"""Those that it has in [yolo]."""

_NOT_READ = frozenset(
    {"reorg3d", "local_avgpool", "contrastive", "batchnorm", "activation", "empty", "normalization"}
)
_ACTIVATIONS = frozenset({"", "linear", "leaky", "relu", "mish", "swish", "logistic", "tanh"})


def unknown_keys(cfg: Cfg, dialect: Dialect) -> dict[str, int]:
    """Keys that a Darknet would end at, each with the line of its section (0: unknown)."""
    if dialect != "hank":
        return {}
    found: dict[str, int] = {}
    for section in cfg.sections:
        for key in _unknown(section):
            found.setdefault(key, section.line or 0)
    return found


def without_unknown(cfg: Cfg, dialect: Dialect) -> Cfg:
    """The network without the keys that a Darknet would end at."""
    if not unknown_keys(cfg, dialect):
        return cfg
    return replace(cfg, sections=tuple(section.without(*_unknown(section)) for section in cfg.sections))


def _unknown(section: Section) -> list[str]:
    known = HANK_YOLO_KEYS if section.name == "yolo" else HANK_KEYS
    return [key for key, _ in section.options if key not in known]


def not_predicted(cfg: Cfg) -> tuple[str, int | None]:
    """What of a network the app's own prediction (OpenCV) does not do, or would do silently wrong.

    Returns:
        The layer or key, empty where there is none, and the line of its section.
    """
    for section in cfg.layer_sections:
        what = _not_predicted(section)
        if what:
            return what, section.line
    return "", None


def _not_predicted(section: Section) -> str:
    if section.name in _NOT_READ:
        return f"[{section.name}]"
    if section.get("activation") not in _ACTIVATIONS:
        return f"activation={section.get('activation')}"
    if "share_index" in section:
        return "share_index"
    if section.get("weights_type", "none") != "none":
        return "weights_type"
    for key in ("xnor", "binary", "reverse", "scale_wh", "maxpool_depth", "antialiasing", "flipped"):
        if section.get_int(key):
            return f"{key}=1"
    if section.get_int("size", 1) > 1 and section.get_int("dilation", 1) > 1:
        return "dilation"
    both = section.get("stride", "1")
    if any(section.get(key, both) != both for key in ("stride_x", "stride_y")):
        return "stride_x"
    return "from" if section.name == "shortcut" and len(section.get_ints("from")) > 1 else ""
