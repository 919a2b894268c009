"""The page /trust in words for people: what the red warning means, what this node's authority can vouch for, and how a
device comes to trust it. Its texts are translated when they are shown, in the language of whoever reads."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from byzwizard.backends.templates import fill
from byzwizard.i18n import N_

PAGE = "/trust"
CERTIFICATE = "/ca.cer"
PROFILE = "/trust.mobileconfig"

TITLE = N_("The red warning, and how to trust this node")
LINK = N_("What the warning means, and how this device can trust the node")
MEANS = N_("The services of this node are encrypted. The browser warns all the same, because it does not know who "
           "vouches for the node: here that is no company on the Internet, but the node itself.")
PAST = N_("Whoever goes on past the warning is encrypted too, but cannot tell this node from somebody who puts himself"
          " in between. A device that trusts the node can tell: it warns here no more, and when it does, something is "
          "wrong.")
LIMITS = N_("What trusting it means")
CAN = N_("The node's authority can vouch for one name, and for those below it:")
CANNOT = N_("It cannot vouch for your bank, your mail, any other site or any other node: that is written into its "
            "certificate, and browsers hold it to that. A device that is many years old may not: leave it out there.")
NOR = N_("It does not say who runs this node, or that what is written here is true. Whoever runs it can read what you "
         "give to its services.")
COMPARE = N_("First compare")
ASK = N_("This page came without encryption, and somebody near could have changed it, or the certificate. So ask "
         "whoever runs the node to read out its fingerprint (SHA-256), which the command `byzwizard services` shows on "
         "its screen. Go on only if it is this one, and if your device shows the same among the details of what you "
         "install, where it shows any:")
INSTALL = N_("Then install")
APPLE = N_("Profile for iPhone, iPad and Mac")
OTHERS = N_("Certificate for all others")
AFTER = N_("Who comes here no more removes it in the same place.")
SYSTEMS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (N_("iPhone and iPad"), (
        N_("Open here.byzantium.mesh/trust in Safari, tap the profile, and allow the download."),
        N_("Settings > General > VPN & Device Management: tap the profile, which is “Not Signed” as it should be, then "
           "Install."),
        N_("Settings > General > About > Certificate Trust Settings: switch Byzantium on."))),
    (N_("Android"), (
        N_("Tap the certificate. It is stored under Downloads."),
        N_("Look in Settings for “CA certificate” (Security > Encryption & credentials > Install a certificate). "
           "Choose “Install anyway”, and the file."),
        N_("From then on Android says that the network may be monitored. It says so of every authority that was "
           "added."))),
    (N_("Mac"), (
        N_("Open the profile, then System Settings > General > Device Management: double-click it, and Install."),
        N_("Where the browser goes on warning: Keychain Access > System > Byzantium > Trust > Always Trust."))),
    (N_("Windows"), (
        N_("Open the certificate > Install Certificate > Current User."),
        N_("Place all certificates in the following store: Trusted Root Certification Authorities."))),
    (N_("Firefox on any computer, and Linux"), (
        N_("In the browser's settings look for “Certificates” > Authorities > Import, choose the file, and let it "
           "identify websites."),)),
)


def page(host: str, fingerprint: str, say: Callable[[str], str], language: str) -> str:
    """`host` is the canonical name; `fingerprint` as certificates.fingerprint gives it."""
    def told(text: str) -> str:
        """With what stands between back-ticks as code."""
        return re.sub("`(.+?)`", r"<code>\1</code>", html.escape(say(text)))

    systems = "".join(
        f"<details><summary>{told(name)}</summary><ol>" + "".join(f"<li>{told(step)}</li>" for step in steps)
        + "</ol></details>\n" for name, steps in SYSTEMS)
    shown = html.escape(host).replace(".", "<wbr>.", 1)
    saved = f"byzantium-{host[:6]}.cer"
    body = (
        _p(told(MEANS)) + _p(told(PAST))
        + _h2(told(LIMITS)) + _p(told(CAN)) + _p(f'<code class="it">{shown}</code>') + _p(told(CANNOT)) + _p(told(NOR))
        + _h2(told(COMPARE)) + _p(told(ASK)) + _p(f'<code class="it pairs">{html.escape(fingerprint)}</code>')
        + _h2(told(INSTALL))
        + f'<a class="get" href="{PROFILE}">{told(APPLE)}</a>\n'
        + f'<a class="get" href="{CERTIFICATE}" download="{html.escape(saved)}">{told(OTHERS)}</a>\n'
        + systems + _p(told(AFTER)) + '<p><a href="/">here.byzantium.mesh</a></p>\n')
    return fill("trust.html", language=language, title=told(TITLE), body=body)


def link(say: Callable[[str], str]) -> str:
    """What leads to it from the front page."""
    return f'<p><a href="{PAGE}">{html.escape(say(LINK))}</a></p>\n'


def _p(text: str) -> str:
    return f"<p>{text}</p>\n"


def _h2(text: str) -> str:
    return f"<h2>{text}</h2>\n"
