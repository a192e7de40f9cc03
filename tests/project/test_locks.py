import re
from pathlib import Path

import pytest
from django.db.migrations.loader import MigrationLoader

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock", "requirements-tools.lock"])
def test_a_lock_file_holds_names_versions_and_hashes_and_no_address(name: str) -> None:
    text = (ROOT / name).read_text()
    packages = re.findall(r"(?m)^[a-z0-9][a-z0-9._-]*==\S+", text)

    assert "://" not in text and "--index" not in text and "--find-links" not in text
    assert packages
    assert all(re.search(rf"(?m)^{re.escape(package)}.*\n +--hash=sha256:", text) for package in packages)


@pytest.mark.parametrize("name", ["uv.lock", "pylock.toml", "package-lock.json", "poetry.lock"])
def test_no_lock_file_that_records_addresses_is_kept(name: str) -> None:
    assert not (ROOT / name).exists()


def test_no_migration_asks_for_an_extension_that_the_embedded_server_lacks() -> None:
    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    asked = [
        f"{app}.{name}: {type(operation).__name__}"
        for (app, name), migration in loader.disk_migrations.items()
        for operation in migration.operations
        if type(operation).__name__.endswith("Extension")
        or "create extension" in str(vars(operation)).lower()
    ]

    assert asked == []
