"""What probably stands behind a channel that nobody has classified."""

import pytest

from connectors.asterisk.exchange import guess
from hub.records.telephony import Endpoint, EndpointClass


@pytest.mark.parametrize(
    ("channel", "kind", "extension"),
    [
        ("PJSIP/101-0000001a", EndpointClass.EXTENSION, "101"),
        ("PJSIP/101", EndpointClass.EXTENSION, "101"),
        ("SIP/27-00000001", EndpointClass.EXTENSION, "27"),
        ("SIP/204811-00000001", EndpointClass.EXTENSION, "204811"),
        ("PJSIP/trunk-00000001", EndpointClass.TRUNK, ""),
        ("PJSIP/5-00000001", EndpointClass.TRUNK, ""),
        ("SIP/0201234567-00000001", EndpointClass.TRUNK, ""),
        ("SIP/sip-provider-2-0000000b", EndpointClass.TRUNK, ""),
        ("PJSIP/anonymous-00000001", EndpointClass.TRUNK, ""),
        ("DAHDI/i1/0612345678-3", EndpointClass.TRUNK, ""),
        ("DAHDI/12-1", EndpointClass.TRUNK, ""),
        ("Local/101@from-queue-0000001f;1", EndpointClass.LOCAL, ""),
        ("AsyncGoto/PJSIP/101-0000001a", EndpointClass.EXTENSION, "101"),
        ("Message/ast_msg_queue", EndpointClass.IGNORE, ""),
        ("Surrogate/x-00000001", EndpointClass.IGNORE, ""),
        ("Announcer/ARI-00000001", EndpointClass.IGNORE, ""),
        ("CBAnn/conf-00000001", EndpointClass.IGNORE, ""),
        ("Snoop/1-00000001", EndpointClass.IGNORE, ""),
        ("", EndpointClass.IGNORE, ""),
        ("nonsense", EndpointClass.IGNORE, ""),
        ("<script>/101", EndpointClass.TRUNK, ""),
    ],
)
def test_the_form_of_the_name_says_it(channel: str, kind: EndpointClass, extension: str) -> None:
    assert guess(channel) == Endpoint(kind, extension)
