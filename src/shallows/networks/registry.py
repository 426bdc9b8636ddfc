"""Networks by name, and what each of them can do."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..errors import InvalidArgument, NotSupported, UnknownNetwork
from .base import Network

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NETWORKS: dict[str, type[Network]] = {}

_Net = TypeVar("_Net", bound=type[Network])
_Implementation = TypeVar("_Implementation")
_Maker = TypeVar("_Maker", bound="Callable[[Any], Any]")


def register(kind: _Net) -> _Net:
    """Class decorator: make a family of networks known by its name.

    Parameters
    ----------
    kind : subclass of Network
        Made without arguments, or with the options in its ``defaults``; a family of the same name is replaced.

    Returns
    -------
    subclass of Network
        The same class.

    Examples
    --------
    >>> from shallows.networks import Quadratic, network_named, register
    >>> register(Quadratic) is Quadratic  # as it stands over the class
    True
    >>> network_named("quadratic")
    Quadratic()
    """
    _NETWORKS[kind.family] = kind
    return kind


def network_names() -> tuple[str, ...]:
    """Names of all registered families of networks.

    Returns
    -------
    tuple of str
        In the order of registration.

    Examples
    --------
    >>> from shallows.networks import network_names
    >>> network_names()
    ('diagonal', 'quadratic')
    """
    return tuple(_NETWORKS)


def _families() -> str:
    """The families, as an error lists them."""
    *most, last = (f'"{name}"' for name in _NETWORKS)
    return f"{', '.join(most)} or {last}" if most else last


@lru_cache(maxsize=256)
def _made(kind: type[Network], spelled: str) -> Network:
    """The network of a family with its options as a name spells them."""
    options = {}
    for part in spelled.split(":") if spelled else []:
        option, equals, value = part.partition("=")
        if not equals or not value.lstrip("-").isdigit():
            name = f"{kind.family}:{spelled}"
            raise InvalidArgument("network", name, "must be a name, with options such as diagonal:depth=3")
        options[option] = int(value)
    return _with_options(kind, options)


def _with_options(kind: type[Network], options: Mapping[str, int]) -> Network:
    for name, value in options.items():
        if name not in kind.defaults:
            raise InvalidArgument(name, value, f"does not apply to the {kind.family} network")
    return kind(**options)


def network_named(network: str | Network | None) -> Network:
    """The network of this name; a network is returned as it is.

    Parameters
    ----------
    network : str or Network
        Name of a registered network, with its options where it has some (``"diagonal:depth=3"``), or a network.

    Returns
    -------
    Network

    Raises
    ------
    UnknownNetwork
        If there is none.
    InvalidArgument
        If the network has no such option, or not with this value.

    Examples
    --------
    >>> from shallows.networks import network_named
    >>> network_named("diagonal").parameter_names
    ('a', 'w')
    """
    if isinstance(network, Network):
        return network
    family, colon, spelled = network.partition(":") if isinstance(network, str) else ("", "", "")
    if family not in _NETWORKS:
        raise UnknownNetwork("network", network, "must be " + _families())
    return _made(_NETWORKS[family], spelled or colon)


def network_with(network: str | Network | None, **options: int | None) -> Network:
    """The network of this name with other options, given by keyword; None leaves an option as it is.

    Parameters
    ----------
    network : str or Network
        As of :func:`network_named`.

    Returns
    -------
    Network

    Raises
    ------
    UnknownNetwork
        If there is no such network.
    InvalidArgument
        Names the option: if the network has none of this name, or not with this value.

    Examples
    --------
    >>> from shallows.networks import network_with
    >>> network_with("diagonal", depth=None) == network_with("diagonal")
    True
    """
    given = {name: value for name, value in options.items() if value is not None}
    if isinstance(network, str) and network in _NETWORKS:
        return _with_options(_NETWORKS[network], given)
    found = network_named(network)
    return _with_options(type(found), found.options | given)


class Capability(Generic[_Implementation]):
    """What some networks can do: their implementations, by name.

    Each is held where the work is, and filled by one file per network. Asking for one that a network lacks is an error
    that names it, never another network's answer.

    Parameters
    ----------
    what : str
        What it is, to follow "the network has no".

    Examples
    --------
    >>> from shallows.networks import Capability
    >>> greeting = Capability("greeting")
    >>> greeting.register("diagonal")(lambda: "hello")()
    'hello'
    >>> greeting.of("diagonal")()
    'hello'
    >>> greeting.of("quadratic")
    Traceback (most recent call last):
    ...
    shallows.errors.NotSupported: network: got 'quadratic'; the network has no greeting; those that have: diagonal
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self._found: dict[str, _Implementation] = {}
        self._makers: dict[str, Callable[[Any], _Implementation]] = {}
        self._made: dict[Network, _Implementation] = {}

    def __repr__(self) -> str:
        return f"<Capability: {self.what}, of {', '.join(self._kinds()) or 'no network'}>"

    def _kinds(self) -> list[str]:
        return [*self._found, *self._makers]

    def register(self, kind: str) -> Callable[[_Implementation], _Implementation]:
        """Decorator: enter the implementation of the networks of this kind (:attr:`Network.kind`)."""

        def enter(implementation: _Implementation) -> _Implementation:
            self._found[kind] = implementation
            return implementation

        return enter

    def register_for_each(self, kind: str) -> Callable[[_Maker], _Maker]:
        """Decorator: enter what makes the implementation of a network of this kind, called once for each network."""

        def enter(maker: _Maker) -> _Maker:
            self._makers[kind] = maker
            return maker

        return enter

    def has(self, network: str | Network) -> bool:
        """Whether the network of this name, or this network, has an implementation."""
        return network_named(network).kind in self._kinds()

    def of(self, network: str | Network | None) -> _Implementation:
        """The implementation of a network.

        Raises
        ------
        UnknownNetwork
            If no such network is registered.
        NotSupported
            If the network has none.
        """
        asked = network_named(network)
        if asked.kind in self._found:
            return self._found[asked.kind]
        if asked.kind not in self._makers:
            have = ", ".join(self._kinds()) or "none"
            raise NotSupported("network", asked.name, f"the network has no {self.what}; those that have: {have}")
        if asked not in self._made:
            self._made[asked] = self._makers[asked.kind](asked)
        return self._made[asked]
