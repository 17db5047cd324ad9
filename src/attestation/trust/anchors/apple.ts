/** Apple roots: WebAuthn (legacy), App Attest, and the root of App Attest receipts. */
import type { AnchorRecord } from './record.ts';

export const apple: readonly AnchorRecord[] = [
  {
    id: 'apple-webauthn-root-ca',
    class: 'hardware',
    formats: ['apple'],
    vendor: 'Apple',
    aaguids: [],
    sha256: '0915dd5c07a28db549d1f677bb5a75d4bfbe9561a773424327762e9e02f9bb29',
    notAfter: '2045-03-15',
    alarm: '2044-03-15',
    source: 'MasterKale/SimpleWebAuthn packages/server/src/services/defaultRootCerts/apple.ts at 803d1da15bb6 (MIT)',
    certificate:
      'MIICEjCCAZmgAwIBAgIQaB0BbHo84wIlpQGUKEdXcTAKBggqhkjOPQQDAzBLMR8wHQYDVQQDDBZBcHBsZSBXZWJBdXRobiBSb290IENBMRMwEQYDVQQKDApBcHBsZSBJbmMuMRMwEQYDVQQIDApDYWxpZm9ybmlhMB4XDTIwMDMxODE4MjEzMloXDTQ1MDMxNTAwMDAwMFowSzEfMB0GA1UEAwwWQXBwbGUgV2ViQXV0aG4gUm9vdCBDQTETMBEGA1UECgwKQXBwbGUgSW5jLjETMBEGA1UECAwKQ2FsaWZvcm5pYTB2MBAGByqGSM49AgEGBSuBBAAiA2IABCJCQ2pTVhzjl4Wo6IhHtMSAzO2cv-H9DQKev3__fG59G11kxu9eI0_7o6V5uShBpe1u6l6mS19S1FEh6yGljnZAJ-2GNP1mi_YK2kSXIuTHjxA_pcoRf7XkOtO4o1qlcaNCMEAwDwYDVR0TAQH_BAUwAwEB_zAdBgNVHQ4EFgQUJtdk2cV4wlpn0afeaxLQG2PxxtcwDgYDVR0PAQH_BAQDAgEGMAoGCCqGSM49BAMDA2cAMGQCMFrZ-9DsJ1PW9hfNdBywZDsWDbWFp28it1d_5w2RPkRX3Bbn_UbDTNLx7Jr3jAGGiQIwHFj-dJZYUJR786osByBelJYsVZd2GbHQu209b5RCmGQ21gpSAk9QZW4B1bWeT0vT',
  },
  {
    id: 'apple-app-attestation-root-ca',
    class: 'hardware',
    formats: ['app-attest'],
    vendor: 'Apple',
    aaguids: [],
    sha256: '1cb9823ba28ba6ad2d33a006941de2ae4f513ef1d4e831b9f7e0fa7b6242c932',
    notAfter: '2045-03-15',
    alarm: '2044-03-15',
    source:
      'veehaitch/devicecheck-appattest src/main/kotlin/ch/veehait/devicecheck/appattest/attestation/AttestationValidator.kt at cb26211f63c1 (Apache-2.0)',
    certificate:
      'MIICITCCAaegAwIBAgIQC_O-DvHN0uD7jG5yH2IXmDAKBggqhkjOPQQDAzBSMSYwJAYDVQQDDB1BcHBsZSBBcHAgQXR0ZXN0YXRpb24gUm9vdCBDQTETMBEGA1UECgwKQXBwbGUgSW5jLjETMBEGA1UECAwKQ2FsaWZvcm5pYTAeFw0yMDAzMTgxODMyNTNaFw00NTAzMTUwMDAwMDBaMFIxJjAkBgNVBAMMHUFwcGxlIEFwcCBBdHRlc3RhdGlvbiBSb290IENBMRMwEQYDVQQKDApBcHBsZSBJbmMuMRMwEQYDVQQIDApDYWxpZm9ybmlhMHYwEAYHKoZIzj0CAQYFK4EEACIDYgAERTHhmLW07ATaFQIEVwTtT4dyctdhNbJhFs_Ii2FdCgAHGbpphY3-d8qjuDngIN3WVhQUBHAoMeQ_cLiP1sOUtgjqK9auYen1mMEvRq9Sk3Jm5X8U62H-xTD3FE9TgS41o0IwQDAPBgNVHRMBAf8EBTADAQH_MB0GA1UdDgQWBBSskRBTM72-aEH_pwyp5frq5eWKoTAOBgNVHQ8BAf8EBAMCAQYwCgYIKoZIzj0EAwMDaAAwZQIwQgFGnByvsiVbpTKwSga0kP0e8EeDS4-sQmTvb7vn53O5-FRXgeLhpJ06ysC5PrOyAjEAp5U4xDgEgllF7En3VcE3iexZZtKeYnpqtijVoyFraWVIyd_dganmrduC1bmTBGwD',
  },
  {
    id: 'apple-root-ca-g3',
    class: 'metadata',
    formats: ['app-attest'],
    vendor: 'Apple',
    aaguids: [],
    sha256: '63343abfb89a6a03ebb57e9b3f5fa7be7c4f5c756f3017b3a8c488c3653e9179',
    notAfter: '2039-04-30',
    alarm: '2038-04-28',
    source:
      'veehaitch/devicecheck-appattest src/main/kotlin/ch/veehait/devicecheck/appattest/receipt/ReceiptValidator.kt at cb26211f63c1 (Apache-2.0)',
    certificate:
      'MIICQzCCAcmgAwIBAgIILcX8iNLFS5UwCgYIKoZIzj0EAwMwZzEbMBkGA1UEAwwSQXBwbGUgUm9vdCBDQSAtIEczMSYwJAYDVQQLDB1BcHBsZSBDZXJ0aWZpY2F0aW9uIEF1dGhvcml0eTETMBEGA1UECgwKQXBwbGUgSW5jLjELMAkGA1UEBhMCVVMwHhcNMTQwNDMwMTgxOTA2WhcNMzkwNDMwMTgxOTA2WjBnMRswGQYDVQQDDBJBcHBsZSBSb290IENBIC0gRzMxJjAkBgNVBAsMHUFwcGxlIENlcnRpZmljYXRpb24gQXV0aG9yaXR5MRMwEQYDVQQKDApBcHBsZSBJbmMuMQswCQYDVQQGEwJVUzB2MBAGByqGSM49AgEGBSuBBAAiA2IABJjpLz1AcqTtkyJygRMc3RCV8cWjTnHcFBbZDuWmBSp3ZHtfTjjTuxxEtX_1H7YyYl3J6YRbTzBPEVoA_VhYDKX1DyxNB0cTddqXl5dvMVztK517IDvYuVTZXpmkOlEKMaNCMEAwHQYDVR0OBBYEFLuw3qFYM4iapIqZ3r6966_ayySrMA8GA1UdEwEB_wQFMAMBAf8wDgYDVR0PAQH_BAQDAgEGMAoGCCqGSM49BAMDA2gAMGUCMQCD6cHEFl4aXTQY2e3v9GwOAEZLuN-yRhHFD_3meoyhpmvOwgPUnPWTxnS4at-qIxUCMG1mihDK1A3UT82NQz60imOlM27jbdoXt2QfyFMm-YhidDkLF1vLUagM6BgD56KyKA',
  },
];
