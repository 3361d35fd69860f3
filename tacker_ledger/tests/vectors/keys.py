# SPDX-License-Identifier: Apache-2.0
"""Test keys. Everybody knows them: they protect nothing.

The RSA keys were drawn once and are written down, because drawing them takes
long and gives others each time.  Curve keys come from a label.
"""

import base64

from tacker_ledger.core import codec
from tacker_ledger.core.crypto import ed25519
from tacker_ledger.core.crypto.providers import base as providers_base
from tacker_ledger.core.crypto import rsa2048
from tacker_ledger.tests import vectors

_RSA_PKCS8 = tuple(base64.b64decode(text) for text in (
    '''
    MIIEvwIBADANBgkqhkiG9w0BAQEFAASCBKkwggSlAgEAAoIBAQCTgjKb1VgmLhvGjPKd+1Yb
    CBI+Ud4N4bn17sa3lgXbT9JjXen8uV/+EdrvgRNNFYh9r5yEcei/VXKJzqPA/23Af1mPq/2o
    Jn/9wouBU35WCJ9UYzmUccY3nSSh2swE6712wpDPq5jPoMaDlsbUUoOcnF2BYUDRlwwVrzhX
    nIaqVLWkZtkl5bbir3F4SVImktk+ezpZkX3BSDpGbNvX8/FqnNT5gZ8wXjv3BaBONIKvl25z
    EtlaIc+LJQiOJLiImM04jaSr76YB4z8Ksoihr1A+w7jcFPBn6PK38Hb0w+OfAPcTtb8oMY7C
    D03mPvrlqtyNcysmW2VZ4TjMA8tQYA9BAgMBAAECggEAAtiGF371bjy9BdfnsBkKRMvWkTLC
    Z+sFkA8MinfYQFkDyXHYjpFUljQDYe2URD9pzZs305PG4Qv430qdY0m3DqRw/yD0n1agrU/+
    KkfNHyF1p5eQNNpiRTsiycFEkYCrM6W2bsRNtJYnxcI0BGbUEDF10Uo23tIlsOesdjrpaHU3
    I2+6I9CUIXBpRqKgl/POf3xie9NPDE6bZ7UpoTA0r1fE2gDV5uSAMr2edbUDcApAMbtdfZDo
    UqjvpFmd6x+LgB7BM12nyagYSFPRQyS6Bo5LWtQ14h53nD/1ayLQjtQTrP+ACVUkPsg9YN1Q
    rLhlBNUKrtkPnIxNHINcD5tv0wKBgQDOZDTqVxJghY9d042C8bLBTlYiabl/41XA57M1N/Iq
    mBM7Ss8QRC+0SX95EEInkI4D0/5Wn5xI4hqbvBjSdJYZ/1DW60ee5Ja2IXjKXLYuG5Im63sf
    aDkcCH2/MOkzm/IXJn+9QhZYem/U/Ijx6NHYYTBXT8xkc6iKI/p3fI9EYwKBgQC29sdSeFh5
    b2udyAYlFg8XPNhbDfren0i9FKrJ3ztn5mcWKWDhMfQQfm6efIsSe76mWQF1zfPgQSIYAeR0
    5rRbyFkCv8LIq1uEQaOEZaeQMtPGlbfAv2siNEv/d/J6tlxvOn/v0XHsE0zbnGGYkUsn5a4i
    kz9psow5WquwYLQVCwKBgQCfoOFMXgvYm3RHHVhV7ppS6EO2Wg8e2rV4fbwdbSffyb8WHMYJ
    zrMWvcHZ4LlJ4IP2cgBE/y3hMP9jdBe+rm1prg7YKyE5w5LNSxYhbZN6Fdj0QSz5HaMOC4M2
    XJ4BTJvxS9WAi5y80fWsxaUldOzYblL1NMLg7pNsRGd0AuLMAQKBgQCXjRALWs4GQGmGtyGH
    5J65Y9fejFTpxEyO+iiBsJvXczyeWcX6otMEOoXMV2Mm+0MvLPiNqPvCHJFuC1s+Db8Fa413
    PnnMmEvk4C3exAko40ER8//R83x9R45P3P4H8TfdljpU3ksb/dyi6ATbSDZVpOU5lHhpR9Do
    zRb7sQ5ZgwKBgQCo7mP/hS3otpRPU8wf0TFaPmHjRIe52syg6/+8rJaXgjlebo0PsqCt3ven
    lr1g/MUhSnSn3MrTHs1VSoIM/thHSAdkofSmgDHMwD1HfaiNj/hrzO1R/VHjNEeDbWW4X1vM
    zW8qqABxF2vQp3MFYI11SaLpJnGaempHtXTY4tIw8A==
    ''',
    '''
    MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDN7wB29RkrxBEQvHLEzUEi
    yDtxw+/NElW4L1VMfxf4Xu++jNJH56lLp6vk8Sp6Hbp2UImL0HECMAF9gz3AYLOimURhOTlp
    e8rlU9RsBUsTyB6fOGxHdyvVPDfz+198/HInHY+KG0nvxdrS6CFEtUKHcyynwXfI73zYI/Z4
    jdFZxLvJAdqA3xq7Dourqr5i20VsjR7UYZhPXiofdiVsfNlJDWphSc10uMHkrilAJuGAOG6h
    Jwv0SV9qHGMOsBSjIhnCavaIrp4d2om/q7TbZnif3Z13g73BXO2cH7+72lUYneEeTlaBrGj2
    dCfz5Vmsqae1+KETLeC7P5CpYYyRnlHPAgMBAAECggEACGpcFwBkyG8+kUlaLqUCpJS71SYq
    07MMR2FrzMX5fqAGj79lInoa5tQRyA0mQrpEnJbQSs3i/bIPhYe09iUdgiddmNQuqUWyoL+A
    aUT9cJqszFiRGDSMWS5Dom1N1Xzi1Kq2axrlYRkxRuLPOpBmXm78Tq4Ed/TNdxm1IJpkXpTY
    NXVqsb5DHO3Qm0m2Qi/hVOQWXMhS0DcH7U40QGIUPacu4eOtXTp880Mi0dvyqVQomVl2eWRa
    m/oaERuyzhA6NeD8SoKWE3FFzSrkDJtdIjetyiWFCkClHGWka8SjoneTL5A85faMig51MgDg
    AvoCn24lsIfi8nLWIZ5XiaCQoQKBgQD9GB1eACHn2dbL1oL4bn1YdNstFa1XRcSNs4HjEUQE
    QCu+PVhImVhZxSY1Vf3Njpty3WpXA0E20OSeH/Kmo8HPv+XTPnVh4ljArdbGyawIAeMlXcrX
    iyFBY+jEawHH+zXPiBVZxrdLwp2tysL+th4zltWDO9EG1mRaZGfB2AsqoQKBgQDQTEY9+SLS
    gk5WJoipt9CQw15YMhOkONnpfzwCIQJiEXW39FnYQBepzMaSJRCS140G9qngfuJ3C2CUwI/H
    ZRgoaqDXkaOuEyK3S8mQ72OC/nnrOIUOkliZ4O9S/ooA2He7AL8d0PrE+xc+5mQqg6VpgErS
    Y7ngSEGkgJvxDv0WbwKBgAIT4pnU8nJOzX6a4jRb49eIDgyOsv+WaQiowpY0nBRU2ocTRdhC
    ugDyp1+ktxKq6wfEXY0dT7m9eUL7DCjmCz9DWgWj657EFupuAuda3HisW0sBPBsM31cEFPMX
    1cnofAaaHWLBSNvsWxMEKRmiMRlHUbVkFlEyDVzYmilzNpRBAoGBAL7LfvO5RrpH/XVQKpI6
    +uH+8mYayH7+TCxjDRZuIf6uO4PaYImCe6pfFew74yh+JIGiYwxtbQbZ9weKMqjT4wLyWI3c
    q28BvCTlWKZXgHE2o3pf9RDZ4CpjLRR6bvJDVbiHAIhRKcJQtIQ7CLkgiN1QVDjOfC4CQY5q
    92wg7JYlAoGATfqD6o6nNv/QZgxBtJRfN/vkF4slqXzNJIcafTsU+BWEq1xD1N/Rfafa78A/
    Ow+abyFXMYicDkfjD+r7JNTyBNNrzF+mbNkBD1uTwG6ZAC/59oHBmTXqhjZ83XMd/hcQU+jj
    OrJxOda9+iPpB+SWA5DrMFiwWpGX1p/PBpMzvpk=
    ''',
    '''
    MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCNEtK+igbht/tU8iCJq0Xe
    cwEORhY9B7XjuUhLg/Ivw2y3G9nN6Ad6KKLfQorb6SSC+6qajO14U0zFaC/zUTcXPvDUvFVt
    csf1mc1QX6u0VdlMGyXCRyysK02Fr68QAqhCNkirmxPPN0NZQc/wjCl6WHPoeSLswSzUvAIW
    jUuqHwLdWZRTWpNtQEXtpYWBOjIBukQCkXrOTGckCuEenFaJ0+UjSuyR9pVbXSue0pSZ7vrr
    Qd76fPHePK6tAfm3z8topg/PDsP5FmjQeAxPbXP7cGg6qGmq6jzVNVrsXo2sJdYaAOQjqucD
    YGWdeW936JAy1735n27WRCDqHdfFyBNjAgMBAAECggEAPQM/EhkwEL85e+ucFu50MVkbw8ic
    JZkIGY0wrzhJrk6e3jK1aFBJq5OXnWdyFtomaF/f0SfSLJAaS+ZblqgxY2RdVCR/7e4OfTIf
    kftOj5fxevDiy7tsnqm7xW3OEOaVTs2bcFyJnL0R67CC9k4oQjmvJ4P8jtidQwRtAsPpTZGn
    bTSfa2CrugJrduqJJeQuLuAXa+7nUrnn1vRfzjpznRFpDqnL56VDoM0yz11oj9Zyh336gVko
    /71vlbEUKz+SnXpsnBMPRAn++1IcM+yyU51bIKzcyb+MVDL1hpy09bkTx39ofRL3U8dW4VST
    WsMfi3+vBPQOUD4cx7oRz8snwQKBgQDGIEww8k53XbBdfbwC+XmehhZ/kirIAQ2vIGyPoCxo
    +ltptg1LhAF3fCtGNkdtz94+fxo3EuWBZ8EeKN3iQpn7SCCO10pklO2O7fcWjAf9VMMM/z27
    mWzZo3rWfR9lggaMatL9X3XsRgBK1s48kNCFNnmhLDnZBWWk+Ykq1W4+fwKBgQC2SC3ceo10
    VRadR5yhPCAPhHht/E1hNgD9Xw4uNbpoCYlVovkJKUJmbvmmJNaoqB1Je69nv4dzIM1dCtGP
    N8Jw2WB9g13097F1VHC099hv7bT0W8mAamWPhmsFZVPcos5ZNsX/p2sPDgYx9sJsNP+sDhO9
    PThS8OkPbpqoqLOBHQKBgBqIrsuLV/jigkEzGp/nW2Ngn9i78aDRi0yd8gwWLnxssxtoN0Wa
    yzt+VKlVkaFiSmhiS1d+31/CTnnEjVrFAqxFj56xtJPd4ibXNdU+Mb+6v1iZQmJCfPJ003mw
    TikhDdF2aQVn6HoZMebT99DisBp3Hjj4nFK1R1Sd2sHyzY3vAoGBAJt2F9cQlo/++diN+OHy
    e42Ad42mPwCHpHRzm46BuEd+yqhE5IyRqdXfFABFLuaM6t1/JWwgh48DDOMrlOrGrYi9fHPP
    lFSW47yjlbRiJS/g1hIKLmLdW1z7UU86yjlEiSTBeEDAMqiWV2ZJhCvxT5UYNHGTQvRKDxtg
    Q3tQ1jdpAoGAKqtCsaP400SYIXH8bSg8dgdu1UhhZVYuVRWbuIf7xfIBqtUg/vRNDv+fbXSC
    WVNfx4vHvd0SKQw+McfcG5yMzfoZd7rZ0R3sbP/D0hPzIOC9xwWhb4pOvLkeHVSzVcyg5MN0
    gbzmh8RAtZhfWhArujbfXM8GKHbGSYXRSiLgf0M=
    ''',
))

#: How many RSA test keys there are.
RSA_COUNT = len(_RSA_PKCS8)


def rsa_pkcs8(index: int) -> bytes:
    """Return one of the RSA test keys as PKCS#8 in DER."""
    return _RSA_PKCS8[index]


def rsa_private_bytes(index: int, encryption: bool = True) -> bytes:
    """Return one of the RSA test keys as a keystore holds it."""
    pkcs8 = rsa_pkcs8(index)
    return codec.encode((1, rsa2048.SUITE.number, pkcs8,
                         pkcs8 if encryption else None))


def ed25519_private_bytes(label: str, encryption: bool = True) -> bytes:
    """Return the curve test keys of a label as a keystore holds them."""
    signing = vectors.fixed_bytes(f'{label}/signing', 32)
    agreement = vectors.fixed_bytes(f'{label}/encryption', 32)
    return codec.encode(
        (1, ed25519.SUITE.number, ed25519.PKCS8_SIGNING_PREFIX + signing,
         ed25519.PKCS8_ENCRYPTION_PREFIX + agreement if encryption else None))


def rsa(provider: providers_base.Provider, index: int = 0,
        encryption: bool = True) -> providers_base.SoftwareKeyPair:
    """Return one of the RSA test key pairs."""
    return provider.load_private(rsa_private_bytes(index, encryption))


def curve(provider: providers_base.Provider, label: str = 'a test key',
          encryption: bool = True) -> providers_base.SoftwareKeyPair:
    """Return the Ed25519 and X25519 test key pair of a label."""
    return provider.load_private(ed25519_private_bytes(label, encryption))
