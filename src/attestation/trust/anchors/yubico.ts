/** Yubico attestation roots, bound to the AAGUIDs that the FIDO metadata lists them for. */
import type { AnchorRecord } from './record.ts';

export const yubico: readonly AnchorRecord[] = [
  {
    id: 'yubico-attestation-root-1',
    class: 'hardware',
    formats: ['packed', 'fido-u2f'],
    vendor: 'Yubico',
    aaguids: [],
    sha256: '62760c6a6ef91679f454c8902b80fd009825b3f25da90f1fbace2ec6586cd5a8',
    notAfter: '9999-12-31',
    alarm: '9999-12-31',
    source: 'smallstep/certificates acme/challenge.go at 1c44aeca5f67 (Apache-2.0)',
    certificate:
      'MIIDPjCCAiagAwIBAgIUXzeiEDJEOTt14F5n0o6Zf_bBwiUwDQYJKoZIhvcNAQENBQAwJDEiMCAGA1UEAwwZWXViaWNvIEF0dGVzdGF0aW9uIFJvb3QgMTAgFw0yNDEyMDEwMDAwMDBaGA85OTk5MTIzMTIzNTk1OVowJDEiMCAGA1UEAwwZWXViaWNvIEF0dGVzdGF0aW9uIFJvb3QgMTCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBAMZ6_TxM8rIT-EaoPvG81ontMOo_2mQ2RBwJHS0QZcxVaNXvl12LUhBZ5LmiBScIZd1Rnx1od585h-_dhK7hEm7JAALkKKts1fO53KGNLZujz5h3wGncr4hyKF0G74b_U3K9hE5mGND6zqYchCRAHfrYMYRDF4YL0X4D5nGdxvppAy6nkEmtWmMnwO3i0TAucsrbE485HvGM4r0VpgVdJpvgQjiTJCTIq-D35hwtT8QDIv-nGvpcyi5wcIfCkzyCimJukhYy6KoqNMKQEdpNiSOvWyDMTMt1bwCvEzpw91u-msUt4rj0efnO9s0ZOwdwMRDnH4xgUl5ZLwrrPkfC1_0CAwEAAaNmMGQwHQYDVR0OBBYEFNLu71oijTptXCOXPfKF1SbxJXuSMB8GA1UdIwQYMBaAFNLu71oijTptXCOXPfKF1SbxJXuSMBIGA1UdEwEB_wQIMAYBAf8CAQMwDgYDVR0PAQH_BAQDAgGGMA0GCSqGSIb3DQEBDQUAA4IBAQC3IW_sgB9pZ8apJNjxuGoX-FkILks0wMNrdXL_coUvsrhzsvl6mePMrbGJByJ1XnquB5sgcRENFxdQFma3mio8Upf1owM1ZreXrJ0mADG2BplqbJnxiyYa-R11reIFTWeIhMNcZKsDZrFAyPuFjCWSQvJmNWe9mFRYFgNhXJKkXIb5H1XgEDlwiedYRM7VolBNlld6pRFKlX8ust6OTMOeADl2xNF0m1LThSdeuXvDyC1g9-ILfz3S6OIYgc3iroRcFD354g7rKfu67qFAw9gC4yi0xBTPrY95rh4_HqaUYCA_L8ldRk6H7Xk35D-WVpmq2Sh_xT5HiFuhf4wJb0bK',
  },
  {
    id: 'yubico-u2f-root-ca-457200631',
    class: 'hardware',
    formats: ['fido-u2f', 'packed'],
    vendor: 'Yubico',
    aaguids: [
      '149a2021-8ef6-4133-96b8-81f8d5b7f1f5',
      '2fc0579f-8113-47ea-b116-bb5a8db9202a',
      '6d44ba9b-f6ec-2e49-b930-0c8fe920cb73',
      '73bb0cd4-e502-49b8-9c6f-b59445bf720b',
      '83c47309-aabb-4108-8470-8be838b573cb',
      '85203421-48f9-4355-9bc8-8a53846e5083',
      'b92c3f9a-c014-4056-887f-140a2501163b',
      'c1f9a0bc-1dd2-404a-b27f-8e29047a43fd',
      'c5ef55ff-ad9a-4b9f-b580-adebafe026d0',
      'cb69481e-8ff7-4039-93ec-0a2729a154a8',
      'd8522d9f-575b-4866-88a9-ba99fa02f35b',
      'ee882879-721c-4913-9775-3dfcce97072a',
      'f8a011f3-8c0a-4d15-8006-17111f9edc7d',
      'fa2b99dc-9e39-4257-8f92-4a30d23c4118',
    ],
    sha256: '0fa1386f80eb8713263ae5c1d84deb455bdf08aea50ab05503cefee82b092d42',
    notAfter: '2050-09-04',
    alarm: '2049-09-04',
    source: 'cedarcode/webauthn-ruby spec/support/roots/yubico_u2f_root.pem at c37ae8921002 (MIT)',
    certificate:
      'MIIDHjCCAgagAwIBAgIEG0BT9zANBgkqhkiG9w0BAQsFADAuMSwwKgYDVQQDEyNZdWJpY28gVTJGIFJvb3QgQ0EgU2VyaWFsIDQ1NzIwMDYzMTAgFw0xNDA4MDEwMDAwMDBaGA8yMDUwMDkwNDAwMDAwMFowLjEsMCoGA1UEAxMjWXViaWNvIFUyRiBSb290IENBIFNlcmlhbCA0NTcyMDA2MzEwggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEKAoIBAQC_jwYuhBVlqaiYWEMsrWFisgJ-PtM91eSrpI4TK7U53mwCIawSDHy8vUmk5N2KAj9abvT9NP5SMS1hQi3usxoYGonXQgfO6ZXyUA9a-KAkqdFnBnlyugSeCOep8EdZFfsaRFtMjkwz5Gcz2Py4vIYvCdMHPtwaz0bVuzneueIEz6TnQjE63Rdt2zbwnebwTG5ZybeWSwbzy-BJ34ZHcUhPAY89yJQXuE0IzMZFcEBbPNRbWECRKgjq__qT9nmDOFVlSRCt2wiqPSzluwn-v-suQEBsUjTGMEd25tKXXTkNW21wIWbxeSyUoTXwLvGS6xlwQSgNpk2qXYwf8iXg7VWZAgMBAAGjQjBAMB0GA1UdDgQWBBQgIvz0bNGJhjgpToksyKpP9xv9oDAPBgNVHRMECDAGAQH_AgEAMA4GA1UdDwEB_wQEAwIBBjANBgkqhkiG9w0BAQsFAAOCAQEAjvjuOMDSa-JXFCLyBKsycXtBVZsJ4Ue3LbaEsPY4MYN_hIQ5ZM5p7EjfcnMG4CtYkNsfNHc0AhBLdq45rnT87q_6O3vUEtNMafbhU6kthX7Y-9XFN9NpmYxr-ekVY5xOxi8h9JDIgoMP4VB1uS0aunL1IGqrNooL9mmFnL2kLVVee6_VR6C5-KSTCMCWppMuJIZII2v9o4dkoZ8Y7QRjQlLfYzd3qGtKbw7xaF1UsG_5xUb_Btwb2X2g4InpiB_yt_3CpQXpiWX_K4mBvUKiGn05ZsqeY1gx4g0xLBqcU9psmyPzK-Vsgw2jeRQ5JlKDyqE0hebfC1tvFu0CCrJFcw',
  },
];
