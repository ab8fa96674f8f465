"""The inverse Hessian as a method knows it at its end: an operator that need not be a matrix."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest._types import Floats
from steepest.errors import InputError

__all__ = ["InverseHessian"]


class InverseHessian:
    """The inverse Hessian, known or estimated: symmetric, n x n over the variables in one row.

    It is SciPy's `LinearOperator` too where `scipy.sparse.linalg` is loaded.

    Parameters
    ----------
    hessian : ndarray of shape (n, n), optional
        The Hessian, positive definite.
    inverse : ndarray of shape (n, n), optional
        Or an estimate of its inverse.
    s, y : ndarray of shape (m, n), optional
        Or the last m steps, the oldest first, and the changes of the gradient over them (each s'y above 0).
    diagonal : ndarray of shape (n,), optional
        The diagonal of the estimate before these.

    Attributes
    ----------
    shape : tuple
        (n, n).
    dtype : dtype
        float64.

    Examples
    --------
    >>> import numpy as np
    >>> from steepest.curvature import InverseHessian
    >>> inverse = InverseHessian(hessian=np.diag([2.0, 4.0]))
    >>> inverse @ [1.0, 1.0]
    array([0.5 , 0.25])
    >>> np.diag(inverse), inverse[0, 0]
    (array([0.5 , 0.25]), np.float64(0.5))

    Notes
    -----
    Nocedal, "Updating quasi-Newton matrices with limited storage", *Mathematics of Computation* 35, 1980.
    """

    # NumPy's arrays on the left leave the product to this class.
    __array_ufunc__ = None

    def __new__(cls, *_: Any, **__: Any) -> InverseHessian:
        """One of SciPy's own operators too, where there may be somebody to ask: loading SciPy takes longer."""
        scipys = getattr(sys.modules.get("scipy.sparse.linalg"), "LinearOperator", None)
        return object.__new__(_both(scipys) if cls is InverseHessian and scipys is not None else cls)

    def __init__(
        self,
        hessian: Any = None,
        *,
        inverse: Any = None,
        s: Any = None,
        y: Any = None,
        diagonal: Any = None,
    ) -> None:
        parts = {"hessian": hessian, "inverse": inverse, "s": s, "y": y, "diagonal": diagonal}
        self._parts = {k: np.asarray(v, dtype=np.float64) for k, v in parts.items() if v is not None}
        if set(self._parts) not in ({"hessian"}, {"inverse"}, {"s", "y", "diagonal"}):
            raise InputError(
                "an inverse Hessian is made of hessian, of inverse, or of s, y and diagonal; "
                f"got {', '.join(self._parts) or 'none'}"
            )
        self._matrix: Floats | None = None
        n = next(reversed(self._parts.values())).shape[-1]
        self.shape, self.dtype = (n, n), np.dtype(np.float64)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_restored, (self._parts,))

    def __repr__(self) -> str:
        steps = f" from {len(self._parts['s'])} steps" if "s" in self._parts else ""
        estimated = "" if "hessian" in self._parts else ", estimated"
        return f"InverseHessian of shape {self.shape}{estimated}{steps}"

    def __getitem__(self, at: Any) -> Any:
        """Entries of the matrix, as SciPy's "BFGS" has them in an array."""
        return self.todense()[at]

    def todense(self) -> Floats:
        """The matrix, exactly symmetric."""
        if self._matrix is None:
            self._matrix = self._parts.get("inverse")
        if self._matrix is None:
            whole = self._inverted() if "hessian" in self._parts else self._matmat(np.eye(self.shape[0]))
            whole = 0.5 * (whole + whole.T)
            if "s" in self._parts:
                return whole
            self._matrix = whole
        return self._matrix.copy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self.todense().astype(dtype or np.float64, copy=False)

    # As LinearOperator's are, where that is not loaded

    def matvec(self, x: Any) -> Floats:
        """The product with a vector of shape (n,), or (n, 1)."""
        x = np.asarray(x, dtype=np.float64)
        n = self.shape[0]
        if x.shape not in ((n,), (n, 1)):
            raise ValueError(f"x must have the shape ({n},) or ({n}, 1); got {x.shape}")
        return self._matmat(x.reshape(n, 1)).reshape(x.shape)

    def matmat(self, x: Any) -> Floats:
        """The products with the columns of a matrix of shape (n, k)."""
        x = np.asarray(x, dtype=np.float64)
        if x.ndim != 2 or len(x) != self.shape[0]:
            raise ValueError(f"x must have the shape ({self.shape[0]}, k); got {x.shape}")
        return self._matmat(x)

    rmatvec, rmatmat = matvec, matmat

    def __matmul__(self, x: Any) -> Floats:
        return self.matvec(x) if np.ndim(x) == 1 else self.matmat(x)

    def __rmatmul__(self, x: Any) -> Floats:
        return (self @ np.asarray(x).T).T

    dot = __matmul__

    # The arithmetic

    def _matvec(self, x: Any) -> Floats:
        return self._matmat(np.reshape(x, (-1, 1)))[:, 0]

    def _matmat(self, x: Any) -> Floats:
        if "s" not in self._parts:
            products: Floats = self.todense() @ x
            return products
        s, y, diagonal = (self._parts[name] for name in ("s", "y", "diagonal"))
        curved = np.einsum("ij,ij->i", s, y)
        shares = np.empty((len(s), np.shape(x)[1]))
        q = np.array(x, dtype=np.float64)
        for i in reversed(range(len(s))):
            shares[i] = s[i] @ q / curved[i]
            q -= np.outer(y[i], shares[i])
        q *= diagonal[:, None]
        for i in range(len(s)):
            q += np.outer(s[i], shares[i] - y[i] @ q / curved[i])
        return q

    def _adjoint(self) -> InverseHessian:
        return self

    _transpose = _adjoint

    def _inverted(self) -> Floats:
        """The inverse of the Hessian, its variables measured so that its diagonal is 1."""
        lengths = 1.0 / np.sqrt(np.diag(self._parts["hessian"]))
        scale = lengths[:, None] * lengths
        inverse: Floats = np.linalg.inv(scale * self._parts["hessian"]) * scale
        return inverse


def _restored(parts: dict[str, Any]) -> InverseHessian:
    """The one that was pickled."""
    return InverseHessian(**parts)


@cache
def _both(scipys: type[Any]) -> type[InverseHessian]:
    """An `InverseHessian` whose products are `LinearOperator`'s: it adds, scales and combines them too."""
    own = ("__init__", "__new__", "__reduce__", "__repr__", "_matvec", "_matmat", "_adjoint", "_transpose",
           "__getitem__")  # fmt: skip
    space = {name: InverseHessian.__dict__[name] for name in own}
    space |= {"__module__": __name__, "__doc__": InverseHessian.__doc__}
    return type("InverseHessian", (scipys, InverseHessian), space)
