"""Python's collector of cycles, told what kind of program this is."""

import gc
from typing import Final

_EVERY: Final = 50_000


def settle() -> None:
    """Leave alone what was loaded at the start, and look for cycles every 50,000 new objects instead of every 700.

    The desk folds plain values that die by themselves; a batch of the tick alone holds hundreds of thousands of them
    for a moment, and looking through these again and again took a third of its time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_EVERY, 20, 20)
