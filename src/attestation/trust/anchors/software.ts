/** Roots of keys made in software (Android's, Chromium's virtual authenticator): known, so that a refusal can name them. */
import type { AnchorRecord } from './record.ts';

export const softwareRoots: readonly AnchorRecord[] = [
  {
    id: 'android-software-attestation-root-ec',
    class: 'software',
    formats: ['android-key', 'android-keystore'],
    vendor: 'Android',
    aaguids: [],
    sha256: '51d496ad4664190fbdaf1ad987278efa35d6fbf52e50a9c34ded8395477ede5c',
    notAfter: '2036-01-06',
    alarm: '2035-01-06',
    source: 'android/keyattestation src/main/kotlin/SoftwareRoot.kt at 47f970d044ae (Apache-2.0)',
    certificate:
      'MIICizCCAjKgAwIBAgIJAKIFntEOQ1tXMAoGCCqGSM49BAMCMIGYMQswCQYDVQQGEwJVUzETMBEGA1UECAwKQ2FsaWZvcm5pYTEWMBQGA1UEBwwNTW91bnRhaW4gVmlldzEVMBMGA1UECgwMR29vZ2xlLCBJbmMuMRAwDgYDVQQLDAdBbmRyb2lkMTMwMQYDVQQDDCpBbmRyb2lkIEtleXN0b3JlIFNvZnR3YXJlIEF0dGVzdGF0aW9uIFJvb3QwHhcNMTYwMTExMDA0MzUwWhcNMzYwMTA2MDA0MzUwWjCBmDELMAkGA1UEBhMCVVMxEzARBgNVBAgMCkNhbGlmb3JuaWExFjAUBgNVBAcMDU1vdW50YWluIFZpZXcxFTATBgNVBAoMDEdvb2dsZSwgSW5jLjEQMA4GA1UECwwHQW5kcm9pZDEzMDEGA1UEAwwqQW5kcm9pZCBLZXlzdG9yZSBTb2Z0d2FyZSBBdHRlc3RhdGlvbiBSb290MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE7l1ex-HA220Dpn7mthvsTWpdamguD_9_SQ59dx9EIm29sa_6FsvHrcV30lacqrewLVQBXT5DKyqO107sSHVBpKNjMGEwHQYDVR0OBBYEFMit6XdMRcOjzw0WEOR5QzohWjDPMB8GA1UdIwQYMBaAFMit6XdMRcOjzw0WEOR5QzohWjDPMA8GA1UdEwEB_wQFMAMBAf8wDgYDVR0PAQH_BAQDAgKEMAoGCCqGSM49BAMCA0cAMEQCIDUho--LNEYenNVg8x1YiSBq3KNlQfYNns6KGYxmSGB7AiBNC_NR2TB8fVvaNTQdqEcbY6WFZTytTySn502vQX3xvw',
  },
  {
    id: 'android-software-attestation-root-rsa',
    class: 'software',
    formats: ['android-key', 'android-keystore'],
    vendor: 'Android',
    aaguids: [],
    sha256: '4e42730efd521b21d77b109b7532a0b664ddfefc73e129111936200c5e58cce0',
    notAfter: '2035-12-30',
    alarm: '2034-12-28',
    source: 'android/keyattestation src/main/kotlin/SoftwareRoot.kt at 47f970d044ae (Apache-2.0)',
    certificate:
      'MIICpzCCAhCgAwIBAgIJAP-U2d2fB8gMMA0GCSqGSIb3DQEBCwUAMGMxCzAJBgNVBAYTAlVTMRMwEQYDVQQIDApDYWxpZm9ybmlhMRYwFAYDVQQHDA1Nb3VudGFpbiBWaWV3MRUwEwYDVQQKDAxHb29nbGUsIEluYy4xEDAOBgNVBAsMB0FuZHJvaWQwHhcNMTYwMTA0MTIzMTA4WhcNMzUxMjMwMTIzMTA4WjBjMQswCQYDVQQGEwJVUzETMBEGA1UECAwKQ2FsaWZvcm5pYTEWMBQGA1UEBwwNTW91bnRhaW4gVmlldzEVMBMGA1UECgwMR29vZ2xlLCBJbmMuMRAwDgYDVQQLDAdBbmRyb2lkMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCia63rbi5EYe_VDoLmt5TRdSMfd5tjkWP_96r_C3JHTsAsQ-wzfNes7UA-jCigZtX3hwszl94OuE4TQKuvpSe_lWmgMdsGUmX4RFlXYfC78hdLt0GAZMAoDo9Sd47b0ke2RekZyOmLw9vCkT_X11DEHTVm-Vfkl5YLCazOkjWFmwIDAQABo2MwYTAdBgNVHQ4EFgQUKfrxrMxN0kyWQCd1trDpMuUH_i4wHwYDVR0jBBgwFoAUKfrxrMxN0kyWQCd1trDpMuUH_i4wDwYDVR0TAQH_BAUwAwEB_zAOBgNVHQ8BAf8EBAMCAoQwDQYJKoZIhvcNAQELBQADgYEAT3LzNlmNDsG5dFsxWfbwjSVJMJ6jHBwp0kUtILlNX2S06IDHeHqcOd6os_W_L3BfRxBcxebrTQaZYdKumgf_93y4q-ucDyQHXrF_unlx_U1bnt8Uqf7f7XzAiF343ZtkMlbVNZriE_mPzsF83O-kqrJVw4OpLvtc9mL1J1IXvmM',
  },
  {
    id: 'chromium-virtual-authenticator',
    class: 'software',
    formats: ['packed'],
    vendor: 'Chromium',
    aaguids: ['01020304-0506-0708-0102-030405060708'],
    sha256: '81ac4dff4e0501e445cead52366d6ee7160451ad937e929bed66dfbf5704eb53',
    notAfter: '2041-03-26',
    alarm: '2040-03-26',
    source:
      'MasterKale/SimpleWebAuthn packages/server/src/registration/verifications/verifyAttestationPacked.test.ts at 803d1da15bb6 (MIT)',
    refusal: 'virtual-authenticator',
    certificate:
      'MIIB3DCCAYCgAwIBAgIBATANBgkqhkiG9w0BAQsFADBgMQswCQYDVQQGEwJVUzERMA8GA1UECgwIQ2hyb21pdW0xIjAgBgNVBAsMGUF1dGhlbnRpY2F0b3IgQXR0ZXN0YXRpb24xGjAYBgNVBAMMEUJhdGNoIENlcnRpZmljYXRlMB4XDTE3MDcxNDAyNDAwMFoXDTQxMDMyNjAzNDIzNFowYDELMAkGA1UEBhMCVVMxETAPBgNVBAoMCENocm9taXVtMSIwIAYDVQQLDBlBdXRoZW50aWNhdG9yIEF0dGVzdGF0aW9uMRowGAYDVQQDDBFCYXRjaCBDZXJ0aWZpY2F0ZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABI1hfmXJUI5kvMVnOsgqZ5naPBRGaCwljEY__99Y39L6Pmw3i1PXlcSk3_tBme3Xhi8jq68CA7S4kRugVpmU4QGjKDAmMBMGCysGAQQBguUcAgEBBAQDAgUgMA8GA1UdEwEB_wQFMAMBAQAwDQYJKoZIhvcNAQELBQADRwAwRAIgK8W82BY7-iHUcd5mSfWX4R-uGdOk49XKTkV3L6ilUPQCIEs68ZEr_yAjG39UwNexAVLBfbxkDdkLZlMtBvUsV27P',
  },
];
