"""The command that changes the encryption key."""

import click

from app import rotation
from app.cli import output
from app.cli.group import actor, commands
from app.cli.output import json_option
from app.errors import Conflict
from app.rotation import Rotation
from app.runtime import runtime
from app.vault import VaultError


@commands.command("rotate-key")
@click.option("--retire", is_flag=True, help="Remove the old keys from the key file, once nothing needs them.")
@json_option
def rotate_key(retire: bool) -> None:
    """Seal all secrets and stored bodies with a new encryption key, while the server serves."""
    run = runtime()
    try:
        if retire:
            count = rotation.retire(run.vault, run.settings.data_dir, actor())
            output.show({"retired": count}, f"{output.counted(count, 'old key')} removed from {run.vault.file}.")
            return
        done = rotation.rotate(run.vault, actor())
    except VaultError as exc:
        raise Conflict(str(exc)) from exc
    output.show(done, lambda: _told(done))
    if done.broken:
        raise Conflict(f"No key opens {output.counted(len(done.broken), 'value')}: {', '.join(done.broken[:5])}.")


def _told(done: Rotation) -> str:
    parts = ", ".join(f"{count:,} in {table}" for table, count in done.resealed.items() if count) or "none"
    if done.key_file is None:
        return (
            f"Values sealed anew with the first key of CCFLARE_ENCRYPTION_KEYS: {parts}.\n"
            "To change the key, put a new one (`openssl rand -base64 32`) in front of the others, start the server "
            "again, and run this again; then the others may go."
        )
    began = f"A new key stands first in {done.key_file}" if done.added_key else "The rotation begun earlier is finished"
    text = f"{began}. Values sealed anew: {parts}."
    if done.old_keys:
        there = "The old key is" if done.old_keys == 1 else "The old keys are"
        text += f"\n{there} still there. Back the key file up, then remove what is old with `rotate-key --retire`."
    return text
