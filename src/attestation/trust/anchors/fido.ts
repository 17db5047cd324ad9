/** Roots of further FIDO authenticator makers, bound to the AAGUIDs that the FIDO metadata lists them for. */
import type { AnchorRecord } from './record.ts';

export const fidoVendors: readonly AnchorRecord[] = [
  {
    id: 'feitian-ft-fido-0200',
    class: 'hardware',
    formats: ['fido-u2f', 'packed'],
    vendor: 'Feitian',
    aaguids: [
      '12ded745-4bed-47d4-abaa-e713f51d6393',
      '2c0df832-92de-4be1-8412-88a8f074df4a',
      '3e22415d-7fdf-4ea4-8a0c-dd60c4249b9d',
      '77010bd7-212a-4fc9-b236-d2ca5e9d4084',
      '833b721a-ff5f-4d00-bb2e-bdda3ec01e29',
      '8c97a730-3f7b-41a6-87d6-1e9b62bda6f0',
      'b6ede29c-3772-412c-8a78-539c1f4c62d2',
      'ee041bce-25e5-4cdb-8f86-897fd6418464',
    ],
    sha256: '2c86cb00e189ca0431d33867bbb145cc3abbd4900508e3e26e92e35f2e22877a',
    notAfter: '2050-05-01',
    alarm: '2049-05-01',
    source: 'cedarcode/webauthn-ruby spec/support/roots/feitian_ft_fido_0200.pem at c37ae8921002 (MIT)',
    certificate:
      'MIIBfjCCASWgAwIBAgIBATAKBggqhkjOPQQDAjAXMRUwEwYDVQQDDAxGVCBGSURPIDAyMDAwIBcNMTYwNTAxMDAwMDAwWhgPMjA1MDA1MDEwMDAwMDBaMBcxFTATBgNVBAMMDEZUIEZJRE8gMDIwMDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNBmrRqVOxztTJVN19vtdqcL7tKQeol2nnM2_yYgvksZnr50SKbVgIEkzHQVOu80LVEE3lVheO1HjggxAlT6o4WjYDBeMB0GA1UdDgQWBBRJFWQt1bvG3jM6XgmV_IcjNtO_CzAfBgNVHSMEGDAWgBRJFWQt1bvG3jM6XgmV_IcjNtO_CzAMBgNVHRMEBTADAQH_MA4GA1UdDwEB_wQEAwIBBjAKBggqhkjOPQQDAgNHADBEAiAwfPqgIWIUB-QBBaVGsdHy0s5RMxlkzpSX_zSyTZmUpQIgB2wJ6nZRM8oX_nA43Rh6SJovM2XwCCH__-LirBAbB0M',
  },
  {
    id: 'mds-feitian-fido-root-ca-925f79',
    class: 'hardware',
    formats: ['fido-u2f', 'packed'],
    vendor: 'Feitian',
    aaguids: [
      '12ded745-4bed-47d4-abaa-e713f51d6393',
      '2c0df832-92de-4be1-8412-88a8f074df4a',
      '3e22415d-7fdf-4ea4-8a0c-dd60c4249b9d',
      '77010bd7-212a-4fc9-b236-d2ca5e9d4084',
      '833b721a-ff5f-4d00-bb2e-bdda3ec01e29',
      '8c97a730-3f7b-41a6-87d6-1e9b62bda6f0',
      'b6ede29c-3772-412c-8a78-539c1f4c62d2',
      'ee041bce-25e5-4cdb-8f86-897fd6418464',
    ],
    sha256: '925f79f4350ac09645dc71adc611badc248e837625246f11558edb3d5ee615f6',
    notAfter: '2048-03-31',
    alarm: '2047-03-28',
    source: 'web-auth/webauthn-framework tests/blob.jwt at df747094d064 (MIT)',
    certificate:
      'MIIB2DCCAX6gAwIBAgIQFZ97ws2JGPEoa5NI-p8z1jAKBggqhkjOPQQDAjBLMQswCQYDVQQGEwJDTjEdMBsGA1UECgwURmVpdGlhbiBUZWNobm9sb2dpZXMxHTAbBgNVBAMMFEZlaXRpYW4gRklETyBSb290IENBMCAXDTE4MDQwMTAwMDAwMFoYDzIwNDgwMzMxMjM1OTU5WjBLMQswCQYDVQQGEwJDTjEdMBsGA1UECgwURmVpdGlhbiBUZWNobm9sb2dpZXMxHTAbBgNVBAMMFEZlaXRpYW4gRklETyBSb290IENBMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEnfAKbjvMX1Ey1b6k-WQQdNVMt9JgGWyJ3PvM4BSK5XqTfo--0oAj_4tnwyIL0HFBR9St-ktjqSXDfjiXAurs86NCMEAwHQYDVR0OBBYEFNGhmE2Bf8O5a_YHZ71QEv6QRfFUMA8GA1UdEwEB_wQFMAMBAf8wDgYDVR0PAQH_BAQDAgEGMAoGCCqGSM49BAMCA0gAMEUCIQC3sT1lBjGeF-xKTpzV1KYU2ckahTd4mLJyzYOhaHv4igIgD2JYkfyH5Q4Bpo8rroO0It7oYjF2kgy_eSZ3U9Glaqw',
  },
  {
    id: 'mds-ewbm-ca-certificate-71d01a',
    class: 'hardware',
    formats: ['fido-u2f', 'packed'],
    vendor: 'eWBM',
    aaguids: [
      '361a3082-0278-4583-a16f-72a527f973e4',
      '61250591-b2bc-4456-b719-0b17be90bb30',
      '87dbc5a1-4c94-4dc8-8a47-97d800fd1f3c',
      '95442b2e-f15e-4def-b270-efb106facb4e',
    ],
    sha256: '71d01a81403d38ed5378ac911492ebb94863751dd1773b049f552151f1932078',
    notAfter: '2023-07-01',
    alarm: '2022-07-01',
    keptExpired: 'evidence of its time is judged again at its own time',
    source: 'web-auth/webauthn-framework tests/blob.jwt at df747094d064 (MIT)',
    certificate:
      'MIICpTCCAkqgAwIBAgIBATAKBggqhkjOPQQDAjCBrzELMAkGA1UEBhMCS1IxETAPBgNVBAgMCFNlb3VsLVNpMRMwEQYDVQQHDApHYW5nbmFtLUd1MRcwFQYDVQQKDA5lV0JNIENvLiwgTHRkLjEiMCAGA1UECwwZQXV0aGVudGljYXRvciBBdHRlc3RhdGlvbjEcMBoGA1UEAwwTZVdCTSBDQSBDZXJ0aWZpY2F0ZTEdMBsGCSqGSIb3DQEJARYOaW5mb0BlLXdibS5jb20wHhcNMTgwNzAyMDUzMTM5WhcNMjMwNzAxMDUzMTM5WjCBrzELMAkGA1UEBhMCS1IxETAPBgNVBAgMCFNlb3VsLVNpMRMwEQYDVQQHDApHYW5nbmFtLUd1MRcwFQYDVQQKDA5lV0JNIENvLiwgTHRkLjEiMCAGA1UECwwZQXV0aGVudGljYXRvciBBdHRlc3RhdGlvbjEcMBoGA1UEAwwTZVdCTSBDQSBDZXJ0aWZpY2F0ZTEdMBsGCSqGSIb3DQEJARYOaW5mb0BlLXdibS5jb20wWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQIfqHisi0oO_eyOqSaDrr9itG2IymBkHnSDGQIIYmT-vqA8AgO81momc2Ld5PGpEN6muE54wPHQjvc_yCih8u2o1UwUzASBgNVHRMBAf8ECDAGAQH_AgEAMB0GA1UdDgQWBBS3J_fxiAv22irdBs98SODhF7kU_jALBgNVHQ8EBAMCAQYwEQYJYIZIAYb4QgEBBAQDAgAHMAoGCCqGSM49BAMCA0kAMEYCIQDc41LFK4LJCBU2VVKIz7Z6sxPhUEkh8nLSLK6IXdkP5wIhAIeKVOZchaVO5aF7fbdXoSrcyy1YYeUePLojcKI9fX84',
  },
  {
    id: 'mds-authentrend-ca-000-de42be',
    class: 'hardware',
    formats: ['fido-u2f', 'packed'],
    vendor: 'AuthenTrend',
    aaguids: [
      'd41f5a69-b817-4144-a13c-9ebd6d9254d6',
      'e1a96183-5016-4f24-b55b-e3ae23614cc6',
      'e416201b-afeb-41ca-a03d-2281c28322aa',
    ],
    sha256: 'de42beaf79b682f7b625438f7f931bb136b098027ae97bff6207cef74bfb01f2',
    notAfter: '2050-02-25',
    alarm: '2049-02-25',
    source: 'web-auth/webauthn-framework tests/blob.jwt at df747094d064 (MIT)',
    certificate:
      'MIIBzDCCAXGgAwIBAgIBATAKBggqhkjOPQQDAjBiMQswCQYDVQQGEwJTRTESMBAGA1UECgwJQVRLZXlDQTAwMSIwIAYDVQQLDBlBdXRoZW50aWNhdG9yIEF0dGVzdGF0aW9uMRswGQYDVQQDExJBdXRoZW50cmVuZCBDQSAwMDAwIBcNMTYwMjI2MDgxMTA2WhgPMjA1MDAyMjUwODExMDZaMGIxCzAJBgNVBAYTAlNFMRIwEAYDVQQKDAlBVEtleUNBMDAxIjAgBgNVBAsMGUF1dGhlbnRpY2F0b3IgQXR0ZXN0YXRpb24xGzAZBgNVBAMTEkF1dGhlbnRyZW5kIENBIDAwMDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABAJcWqeCxga9KJbFO2TZdjcgrtZAgfi8TXKu-v5lcR5ceb5GJYxyoCjhueESL3ddmMIkpGyhsEEtfFUyBwsyFVCjFjAUMBIGA1UdEwEB_wQIMAYBAf8CAQAwCgYIKoZIzj0EAwIDSQAwRgIhAL4TbP00sENbTEXGoagM6Hkl2XIDrxgKbHwow_9GibYTAiEAudIm7EGqfya8QygKcbkQfqrwefYnBvZKI0xwn_kKWx4',
  },
];
