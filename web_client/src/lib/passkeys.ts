/** Passkeys: between the server's JSON (WebAuthn Level 3, §5.1.8 to §5.1.10) and the browser's buffers.
 *  Browsers got the conversions of that JSON only lately, so they are made here. */

type Json = Record<string, unknown>;
type Listed = Json & { id: string };

export const passkeysWork = (): boolean => "credentials" in navigator && typeof PublicKeyCredential === "function";

export function fromBase64Url(text: string): ArrayBuffer {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0)).buffer;
}

export function toBase64Url(buffer: ArrayBuffer): string {
  const plain = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

const listed = (list: unknown) => ((list ?? []) as Listed[]).map((each) => ({ ...each, id: fromBase64Url(each.id) }));

export function creationOptions(json: Json): PublicKeyCredentialCreationOptions {
  const user = json.user as Listed;
  return {
    ...json,
    challenge: fromBase64Url(json.challenge as string),
    user: { ...user, id: fromBase64Url(user.id) },
    excludeCredentials: listed(json.excludeCredentials),
  } as unknown as PublicKeyCredentialCreationOptions;
}

export function requestOptions(json: Json): PublicKeyCredentialRequestOptions {
  return {
    ...json,
    challenge: fromBase64Url(json.challenge as string),
    allowCredentials: listed(json.allowCredentials),
  } as unknown as PublicKeyCredentialRequestOptions;
}

/** A credential as the server wants it; buffers in base64url without padding. */
export function credentialJson(credential: PublicKeyCredential): Json {
  const made = credential.response as AuthenticatorAttestationResponse & AuthenticatorAssertionResponse;
  const response: Json = { clientDataJSON: toBase64Url(made.clientDataJSON) };
  if (made.attestationObject) {
    response.attestationObject = toBase64Url(made.attestationObject);
    response.transports = made.getTransports?.() ?? [];
  } else {
    response.authenticatorData = toBase64Url(made.authenticatorData);
    response.signature = toBase64Url(made.signature);
    response.userHandle = made.userHandle ? toBase64Url(made.userHandle) : null;
  }
  return {
    id: credential.id,
    rawId: toBase64Url(credential.rawId),
    type: credential.type,
    response,
    clientExtensionResults: credential.getClientExtensionResults(),
    authenticatorAttachment: credential.authenticatorAttachment,
  };
}

/** A new passkey, or nothing if the person turned away. */
export async function makePasskey(json: Json): Promise<Json | null> {
  const made = await navigator.credentials.create({ publicKey: creationOptions(json) }).catch(turnedAway);
  return made ? credentialJson(made as PublicKeyCredential) : null;
}

/** The answer of a passkey that the person has, or nothing if they turned away. */
export async function usePasskey(json: Json): Promise<Json | null> {
  const used = await navigator.credentials.get({ publicKey: requestOptions(json) }).catch(turnedAway);
  return used ? credentialJson(used as PublicKeyCredential) : null;
}

/** Refused by the person, timed out, or known to this authenticator already: the browser has said it. */
function turnedAway(error: unknown): null {
  if (error instanceof DOMException) return null;
  throw error;
}
