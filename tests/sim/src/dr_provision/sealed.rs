//! Values of secure Params as they are stored and shown: NaCl boxes (drp-protocol 2.7).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_box::aead::{Aead, AeadCore, OsRng};
use crypto_box::{PublicKey, SalsaBox, SecretKey};
use serde_json::{Map, Value, json};

/// The key pair of each object that has params, made when it is first asked for.
#[derive(Default)]
pub(super) struct Keys(BTreeMap<(String, String), SecretKey>);

impl Keys {
    /// What `GET …/pubkey` tells.
    pub(super) fn public(&mut self, prefix: &str, key: &str) -> String {
        STANDARD.encode(self.of(prefix, key).public_key().as_bytes())
    }

    fn of(&mut self, prefix: &str, key: &str) -> &SecretKey {
        let entry = self.0.entry((prefix.to_owned(), key.to_owned()));
        entry.or_insert_with(|| SecretKey::generate(&mut OsRng))
    }

    /// Seals a value for an object.
    pub(super) fn seal(&mut self, prefix: &str, key: &str, value: &Value) -> Value {
        seal(&self.of(prefix, key).public_key(), value)
    }

    /// Opens a sealed value; `None` where it is not one, or not this object's.
    pub(super) fn open(&self, prefix: &str, key: &str, value: &Value) -> Option<Value> {
        let part = |name: &str| STANDARD.decode(value.get(name)?.as_str()?).ok();
        let own = self.0.get(&(prefix.to_owned(), key.to_owned()))?;
        let theirs = PublicKey::from_slice(&part("Key")?).ok()?;
        let nonce: [u8; 24] = part("Nonce")?.try_into().ok()?;
        let text = SalsaBox::new(&theirs, own).decrypt(&nonce.into(), part("Payload")?.as_slice()).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Opens what is sealed in a map.
    pub(super) fn open_all(&self, prefix: &str, key: &str, params: Map<String, Value>) -> Map<String, Value> {
        let opened = |value: Value| self.open(prefix, key, &value).unwrap_or(value);
        params.into_iter().map(|(name, value)| (name, opened(value))).collect()
    }
}

/// Whether a value is SecureData.
pub(super) fn is_sealed(value: &Value) -> bool {
    value.as_object().is_some_and(|data| {
        data.len() == 3 && ["Key", "Nonce", "Payload"].iter().all(|part| data.get(*part).is_some_and(Value::is_string))
    })
}

/// Seals a value with what `GET …/pubkey` told, as `drpcli` does; `None` where that is no key.
#[must_use]
pub fn seal_for(public: &str, value: &Value) -> Option<Value> {
    let theirs = PublicKey::from_slice(&STANDARD.decode(public).ok()?).ok()?;
    Some(seal(&theirs, value))
}

/// What a client does to set a secure param: an ephemeral key pair and a random nonce over the value's JSON.
fn seal(theirs: &PublicKey, value: &Value) -> Value {
    let ephemeral = SecretKey::generate(&mut OsRng);
    let nonce = SalsaBox::generate_nonce(&mut OsRng);
    // It fails for texts longer than any of ours can be.
    let payload = SalsaBox::new(theirs, &ephemeral).encrypt(&nonce, value.to_string().as_bytes()).unwrap_or_default();
    json!({
        "Key": STANDARD.encode(ephemeral.public_key().as_bytes()), "Nonce": STANDARD.encode(nonce),
        "Payload": STANDARD.encode(payload)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::{Keys, is_sealed};

    #[test]
    fn what_is_sealed_for_an_object_only_that_object_opens() {
        let mut keys = Keys::default();
        keys.public("machines", "other");
        let sealed = keys.seal("machines", "u", &json!("calvin"));
        assert!(is_sealed(&sealed) && !sealed.to_string().contains("calvin"));
        assert_eq!(keys.open("machines", "u", &sealed), Some(json!("calvin")));
        assert_eq!(keys.open("machines", "other", &sealed), None);
        assert_eq!(keys.open("machines", "u", &json!("calvin")), None);
    }
}
