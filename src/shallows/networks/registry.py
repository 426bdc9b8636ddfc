"""Networks by name, and what each of them can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from ..errors import NotSupported, UnknownNetwork
from .base import Network

if TYPE_CHECKING:
    from collections.abc import Callable

_NETWORKS: dict[str, Network] = {}

_Net = TypeVar("_Net", bound=type[Network])
_Implementation = TypeVar("_Implementation")


def register(kind: _Net) -> _Net:
    """Class decorator: make a network known by its name.

    Parameters
    ----------
    kind : subclass of Network
        Made without arguments; a network of the same name is replaced.

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
    network = kind()
    _NETWORKS[network.name] = network
    return kind


def network_names() -> tuple[str, ...]:
    """Names of all registered networks.

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


def network_named(network: str | Network | None) -> Network:
    """The network of this name; a network is returned as it is.

    Parameters
    ----------
    network : str or Network
        Name of a registered network, or a network.

    Returns
    -------
    Network

    Raises
    ------
    UnknownNetwork
        If there is none.

    Examples
    --------
    >>> from shallows.networks import network_named
    >>> network_named("diagonal").parameter_names
    ('a', 'w')
    """
    found = _NETWORKS.get(network) if isinstance(network, str) else network
    if not isinstance(found, Network):
        raise UnknownNetwork("network", network, "must be " + " or ".join(f'"{name}"' for name in _NETWORKS))
    return found


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

    def __repr__(self) -> str:
        return f"<Capability: {self.what}, of {', '.join(self._found) or 'no network'}>"

    def register(self, network: str) -> Callable[[_Implementation], _Implementation]:
        """Decorator: enter the implementation of the network of this name."""

        def enter(implementation: _Implementation) -> _Implementation:
            self._found[network] = implementation
            return implementation

        return enter

    def has(self, network: str | Network) -> bool:
        """Whether the network of this name, or this network, has an implementation."""
        return network_named(network).name in self._found

    def of(self, network: str | Network | None) -> _Implementation:
        """The implementation of a network.

        Raises
        ------
        UnknownNetwork
            If no such network is registered.
        NotSupported
            If the network has none.
        """
        name = network_named(network).name
        if name not in self._found:
            have = ", ".join(self._found) or "none"
            raise NotSupported("network", name, f"the network has no {self.what}; those that have: {have}")
        return self._found[name]
