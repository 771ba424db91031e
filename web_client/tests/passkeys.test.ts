import { expect, test } from "vitest";
import { creationOptions, credentialJson, fromBase64Url, requestOptions, toBase64Url } from "../src/lib/passkeys";

const buffer = (...bytes: number[]) => Uint8Array.from(bytes).buffer;
const bytes = (made: BufferSource) => [...new Uint8Array(made as ArrayBuffer)];

test("base64url both ways, without padding", () => {
  expect(toBase64Url(buffer(251, 255, 254, 0))).toBe("-__-AA");
  expect(bytes(fromBase64Url("-__-AA"))).toEqual([251, 255, 254, 0]);
});

test("options for a new passkey", () => {
  const made = creationOptions({ challenge: "AQI", rp: { name: "Court" }, user: { id: "Aw", name: "k" }, excludeCredentials: [{ id: "BA", type: "public-key" }] });
  expect([bytes(made.challenge), bytes(made.user.id), bytes(made.excludeCredentials![0]!.id)]).toEqual([[1, 2], [3], [4]]);
  expect(made.rp.name).toBe("Court");
});

test("options without a list of credentials let the person choose", () => {
  expect(requestOptions({ challenge: "AQI", rpId: "court.example" }).allowCredentials).toEqual([]);
});

test("an answer goes to the server as JSON", () => {
  const credential = {
    id: "BA", rawId: buffer(4), type: "public-key", authenticatorAttachment: "platform", getClientExtensionResults: () => ({}),
    response: { clientDataJSON: buffer(1), authenticatorData: buffer(2), signature: buffer(3), userHandle: null },
  };
  expect(credentialJson(credential as unknown as PublicKeyCredential)).toEqual({
    id: "BA", rawId: "BA", type: "public-key", authenticatorAttachment: "platform", clientExtensionResults: {},
    response: { clientDataJSON: "AQ", authenticatorData: "Ag", signature: "Aw", userHandle: null },
  });
});
