"""Another system shows a certificate of its name that this machine trusts, or nothing is said to it."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from handrail.kernel import Upstream
from tests.conftest import Acting
from tests.connectors.conftest import SECRET, Runs, define, got
from tests.connectors.test_send_attacks import leads
from tests.connectors.upstream import serving


def certified(folder: Path, host: str) -> tuple[ssl.SSLContext, Path]:
    """What a server of that name needs, and the file of the authority that vouches for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{host}.pem"
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context, file


@pytest.mark.parametrize(
    ("shown", "trusted", "answered"),
    [
        ("crm.example.com", True, True),
        ("crm.example.com", False, False),
        ("evil.example.com", True, False),
    ],
)
def test_the_name_and_the_authority_both_have_to_be_right(
    acting: Acting,
    running: Runs,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shown: str,
    trusted: bool,
    answered: bool,
) -> None:
    context, file = certified(tmp_path, shown)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with serving(context) as system:
        define(acting, f"crm.example.com:{system.port}", ("plain_http: true\n", ""))
        leads(monkeypatch, "127.0.0.1")
        if answered:
            with running() as ctx:
                assert got(ctx, "/customers").status == 200
            assert system.called[0].headers["Authorization"] == f"Bearer {SECRET}"
            assert system.called[0].headers["Host"] == f"crm.example.com:{system.port}"
        else:
            with running() as ctx, pytest.raises(Upstream, match="certificate"):
                got(ctx, "/customers")
            assert system.called == []
