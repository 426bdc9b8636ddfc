"""Names of types that many modules share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    #: Of single or double precision.
    RealArray = NDArray[np.floating[Any]]
