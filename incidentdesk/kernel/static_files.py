"""Static files under hashed names, their addresses worked out once a process: a page asks for some sixty."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise has no types
    """As WhiteNoise does it; while a process runs, the address of a file does not change."""

    def url(self, name: str | None, force: bool = False) -> str:
        """The address of a file. Raises ValueError for one that was not collected."""
        if name is None or force:
            return str(super().url(name, force))
        known = self.__dict__.setdefault("_known", {})
        if name not in known:
            known[name] = str(super().url(name))
        return str(known[name])
