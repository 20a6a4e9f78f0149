"""The self-check: whether the folder can be read, and how posted files prove themselves."""

from connectors.einvoice import folder
from connectors.einvoice.settings import EinvoiceSettings
from hub.connector.contract import Account, Finding, Level
from hub.errors import ConnectorError, DisabledError, ScopeError, ShapeError

_MEND = {
    ScopeError: "Let the user that the hub runs as read it (ls -ld shows who may).",
    DisabledError: "Correct the path, or move old files away.",
}


def check(account: Account[EinvoiceSettings]) -> list[Finding]:
    """Look at the folder, and at one of its files."""
    return [_folder(account.settings), _hook(account.settings)]


def _folder(settings: EinvoiceSettings) -> Finding:
    if not settings.folder:
        return Finding("folder", Level.GREEN, "No folder is watched: files come by upload, by mail or by programs.")
    try:
        files = folder.listed(settings)
    except ConnectorError as error:
        mend = next((text for kind, text in _MEND.items() if isinstance(error, kind)), "Connect its disk or share.")
        return Finding("folder", Level.RED, str(error), mend)
    if files:
        try:
            folder.content(settings, files[-1])
        except ShapeError as error:
            text = f"The newest file, {files[-1].name}, cannot be read: {error}."
            return Finding("folder", Level.AMBER, text, "Let the user that the hub runs as read the files too.")
    return Finding("folder", Level.GREEN, f"The folder can be read; {len(files)} of its files match the names.")


def _hook(settings: EinvoiceSettings) -> Finding:
    how = "the account's token" if settings.wants_token else "a signature over the file"
    return Finding("hook", Level.GREEN, f"Programs may post files to the account's address; their proof is {how}.")
