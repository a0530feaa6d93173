"""HTTPS with a certificate authority of one's own: accepted; every other certificate is refused."""

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.firmware.contract.bench import PROFILE
from tests.firmware.contract.conftest import owner
from tests.firmware.contract.esphome import EsphomeNode
from tests.firmware.contract.node_under_test import Limits, Setup, runs_of
from tests.live_backend import Person, eventually, expect

pytestmark = [pytest.mark.slow, pytest.mark.built_for_host("host_https"), pytest.mark.timeout(600)]

__all__ = ["owner"]


class Authority:
    """Signs certificates of servers."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.path = folder / f"{name}.pem"
        certificate = (
            self._start(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def server(self, address: str = "127.0.0.1") -> ssl.SSLContext:
        """Give what a server of that address shows."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)])
        certificate = (
            self._start(subject, key)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        chain = self._folder / "server.pem"
        chain.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        return context

    def _start(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )


@contextmanager
def tls_in_front_of(url: str, context: ssl.SSLContext) -> Iterator[tuple[str, list[bytes]]]:
    """Speak TLS before a backend. Gives the address, and the first bytes of all that came through."""
    where = urlsplit(url)
    listener = socket.create_server(("127.0.0.1", 0))
    came: list[bytes] = []

    def forward(source: socket.socket, to: socket.socket, note: bool) -> None:
        try:
            while data := source.recv(65536):
                if note:
                    came.append(data[:40])
                to.sendall(data)
            to.shutdown(socket.SHUT_WR)
        except OSError:
            # Either side hung up.
            pass

    def serve(plain: socket.socket) -> None:
        try:
            outer = context.wrap_socket(plain, server_side=True)
        except OSError:
            plain.close()
            return
        with outer, socket.create_connection((where.hostname or "", where.port or 0)) as inner:
            back = threading.Thread(target=forward, args=(inner, outer, False), daemon=True)
            back.start()
            forward(outer, inner, True)
            back.join(30)

    def accept() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(plain,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}", came
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def test_a_private_authority_is_accepted_and_the_pump_stays_inside_its_envelope(owner: Person, tmp_path: Path) -> None:
    """Requests hold up the loop here, and the run ends on time all the same."""
    authority = Authority(tmp_path, "ours")
    device = owner.add_device("Basil", manifest=None)
    expect(200, owner.request("PUT", f"{device.path}/automation", json=PROFILE))
    with tls_in_front_of(owner.backend.url, authority.server()) as (url, came):
        setup = Setup(url, device.device_id, device.secret, limits=Limits(max_run_ms=5_000))
        node = EsphomeNode(setup, tmp_path / "node", name="host_https", authority=authority.path)
        node.start()
        try:
            eventually(
                lambda: [
                    each for each in owner.get(device.path)["sensors"] if each["key"] == "tank" and each["latest"]
                ],
                within_s=30,
            )
            body = {"actuator": "pump", "action": "on", "duration_ms": 700, "force": True}
            made = expect(201, owner.request("POST", f"{device.path}/commands", json=body))

            def done() -> object:
                commands = owner.get(f"{device.path}/commands")["commands"]
                return next(each for each in commands if each["id"] == made["id"])["state"] == "succeeded"

            eventually(done, within_s=30)
            node.stop()
        finally:
            node.kill()
    (run,) = runs_of(node.edges())
    assert 650 <= run.ran_ms <= 950
    assert any(data.startswith(b"POST /telemetry") for data in came)
    assert device.secret not in node.log()


@pytest.mark.parametrize("wrong", ["somebody else's", "another address's"])
def test_a_wrong_certificate_is_refused(wrong: str, owner: Person, tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    context = theirs.server() if wrong == "somebody else's" else ours.server("127.0.0.2")
    with tls_in_front_of(owner.backend.url, context) as (url, came):
        node = EsphomeNode(Setup(url, "device", "s3cret"), tmp_path / "node", name="host_https", authority=ours.path)
        node.start()
        try:
            eventually(lambda: "its certificate is not trusted" in node.log(), within_s=30)
            node.stop()
        finally:
            node.kill()
    # Not a byte of the request, and so not the secret, went out.
    assert came == []
    assert node.edges() == ()
