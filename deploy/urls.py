"""URLs as people may see them: without what lets in whoever knows it."""

import re

HIDDEN = "***"

_PASSWORD = re.compile(r"(?<=://)([^:@/?#]*):.*@")
"""Up to the last @, also where the password should have been quoted and was not."""
_OPTION = re.compile(r"(?i)([?&][^=&#]*(?:password|secret|token|access_key|access_key_id)=)[^&#]*")


def without_secrets(url: str) -> str:
    """The URL with `***` for its password, and for every option that is named like one."""
    return _OPTION.sub(rf"\g<1>{HIDDEN}", _PASSWORD.sub(rf"\g<1>:{HIDDEN}@", url))
