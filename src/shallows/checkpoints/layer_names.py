"""What the name of a tensor says of the layer it belongs to: customs of the common libraries."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Last parts of names that say nothing of the layer.
_LEAVES = {"weight", "kernel", "weights", "embedding", "w"}
_EMBEDDING = re.compile(r"(\w*embed\w*|wte|wpe|emb|shared|tok(en)?_embd|position_embd|relative_\w*bias\w*)")
_EXACT_ROLES = {
    "query": "query|query_proj|q_proj|q_lin|to_q|attn_q",
    "key": "key|key_proj|k_proj|k_lin|to_k|attn_k",
    "value": "value|value_proj|v_proj|v_lin|to_v|attn_v",
    "output": "o_proj|out_lin|to_out|attn_output",
    "fused": "qkv|qkv_proj|Wqkv|wqkv|query_key_value|c_attn|in_proj_weight|attn_qkv|to_qkv",
}
#: The same for names that others use too: within a layer of attention only.
_ROLES_WITHIN = {
    "query": "q|wq|Wq",
    "key": "k|wk|Wk",
    "value": "v|wv|Wv",
    "output": "o|wo|Wo|out_proj|c_proj|proj|dense|out|output|linear_out",
    "fused": "in_proj",
}
_ATTENTION = re.compile(r"attn|attention|(^|_)att$", re.IGNORECASE)
_FEED_FORWARD = re.compile(r"ffn|mlp|feed_?forward|experts?", re.IGNORECASE)
_RECURRENT = re.compile(r"weight_(?P<which>ih|hh|hr)(?P<rest>(_l\d+)?(_reverse)?)")
_DEPTHWISE = re.compile(r"depthwise|dw_?conv|conv_?dw|(^|[._])dw([._]|$)|(mixer|mamba|ssm)\.conv1d", re.IGNORECASE)
#: Embeddings that are read out: linear layers.
_HEADS = {"embed_out"}
#: Keys of settings under which models say how many heads their attention has.
_HEADS_KEYS = ("num_attention_heads", "n_head", "n_heads", "num_heads", "encoder_attention_heads", "attention_heads")
_SHARED_HEADS_KEYS = ("num_key_value_heads", "num_kv_heads", "n_head_kv", "n_kv_heads", "multi_query_group_num")


@dataclass(frozen=True)
class LayerName:
    """A tensor's name taken apart.

    Attributes
    ----------
    full : str
    parts : tuple of str
        Between the dots or slashes.

    Examples
    --------
    >>> LayerName.of("encoder.layer.0.attention.output.dense.weight").role
    'output'
    """

    full: str
    parts: tuple[str, ...]

    @classmethod
    def of(cls, name: str) -> LayerName:
        """Taken apart."""
        return cls(name, tuple(part for part in re.split(r"[./:]", name) if part))

    @property
    def leaf(self) -> str:
        """What is last."""
        return self.parts[-1] if self.parts else ""

    @property
    def layer(self) -> str:
        """What is last of the layer's own name: without ``weight``, and without a number in a sequence."""
        named = [part for part in self.parts if part not in _LEAVES and not part.isdigit()]
        return named[-1] if named else self.leaf

    @property
    def is_embedding(self) -> bool:
        """Whether it is a table of vectors."""
        return self.layer not in _HEADS and _EMBEDDING.fullmatch(self.layer) is not None

    @property
    def in_attention(self) -> bool:
        """Whether a layer of attention holds it."""
        return any(_ATTENTION.search(part) for part in self.parts[:-1])

    @property
    def role(self) -> str:
        """``query``, ``key``, ``value``, ``output`` or ``fused`` in attention; empty elsewhere."""
        if any(_FEED_FORWARD.fullmatch(part) for part in self.parts[:-1]):
            return ""
        tables = (_EXACT_ROLES, _ROLES_WITHIN) if self.in_attention else (_EXACT_ROLES,)
        for table in tables:
            for role, names in table.items():
                if re.fullmatch(names, self.layer):
                    return role
        return ""

    @property
    def recurrent(self) -> str:
        """``ih``, ``hh`` or ``hr`` for weights of a recurrent layer as PyTorch names them; empty elsewhere."""
        found = _RECURRENT.fullmatch(self.leaf)
        return found["which"] if found else ""

    @property
    def is_depthwise(self) -> bool:
        """Whether it calls itself a convolution of each channel by itself."""
        return _DEPTHWISE.search(self.full) is not None

    @property
    def is_convolution(self) -> bool:
        """Whether a convolution is named."""
        return any("conv" in part.lower() for part in self.parts)

    @property
    def is_experts(self) -> bool:
        """Whether it holds a stack of experts."""
        return any(part.lower() in ("experts", "expert") for part in self.parts)

    def beside(self, leaf: str) -> str:
        """Name of another tensor of the same layer."""
        return self.full[: len(self.full) - len(self.leaf)] + leaf


def heads_of(config: object) -> tuple[int | None, int | None]:
    """Heads of attention and, where they are fewer, of its keys and values, as settings have it; None if not.

    >>> heads_of({"num_attention_heads": 12}), heads_of({"n_head": 8, "multi_query": True}), heads_of({})
    ((12, None), (8, 1), (None, None))
    """
    if not isinstance(config, dict):
        return None, None
    for settings in (config, config.get("text_config"), config.get("llm_config")):
        if isinstance(settings, dict):
            heads, shared = _count(settings, _HEADS_KEYS), _count(settings, _SHARED_HEADS_KEYS)
            if heads is not None:
                return heads, 1 if shared is None and settings.get("multi_query") is True else shared
    return None, None


def _count(settings: dict[str, object], keys: tuple[str, ...]) -> int | None:
    for key in keys:
        value = settings.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None
