//! Does what was planned and agreed to, one object after the other.

use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use super::super::error::ConfigError;
use super::super::fields::member_keys;
use super::super::object::Object;
use super::super::read::{Reader, tidy_part};
use super::super::secret::{redact, secrets};
use super::extra::used;
use super::pool::is_pending;
use super::wire::{create_body, leave_out, replace_body, unknown_key};
use super::work::{Change, Expected, Work, given};
use crate::incus::{self, BucketKeyChange, Client, ETag};
use crate::model::{ObjectId, ResourceName};
use crate::plan::{Approved, Failure, Outcome, Report};
use crate::progress::{Cancel, Progress};

/// How often a server whose own programs are in each other's way is asked again, and after how long.
const RACES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// Gives a server what the plan names. One object that fails does not stop the others.
pub async fn apply_restore(
    client: &Client,
    plan: Approved<Work>,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Report {
    let mut outcomes = Vec::new();
    let reader = match Reader::of(client).await {
        Ok(reader) => reader,
        Err(error) => {
            let failure = Failure::new(error);
            let all = plan.into_steps().into_iter().map(|step| {
                let (row, work) = step.into_parts();
                match work {
                    Some(_) => Outcome::failed(row, failure.clone(), Duration::ZERO),
                    None => Outcome::rest(row),
                }
            });
            return all.collect();
        }
    };
    let giving = Giving {
        client,
        reader: &reader,
    };
    for step in plan.into_steps() {
        let (row, work) = step.into_parts();
        let Some(work) = work.filter(|_| !cancel.is_cancelled()) else {
            outcomes.push(Outcome::rest(row));
            continue;
        };
        let begun = Instant::now();
        let _task = progress.task(&work.id.to_string());
        let outcome = match giving.work(work).await {
            Ok(()) => Outcome::done(row, begun.elapsed()),
            Err(error) => Outcome::failed(row, Failure::new(error), begun.elapsed()),
        };
        outcome.tell(progress);
        outcomes.push(outcome);
    }
    outcomes.into_iter().collect()
}

struct Giving<'a> {
    client: &'a Client,
    reader: &'a Reader<'a>,
}

/// An object as it is, and what names that state.
type Current = Option<(Object, ETag)>;

impl Giving<'_> {
    async fn work(&self, work: Work) -> Result<(), ConfigError> {
        let Work {
            id,
            change,
            expected,
            ..
        } = work;
        if let Change::SetKey(value) = change {
            return self.set_key(&id, &value, &expected).await;
        }
        let current = self.look(&id, &expected).await?;
        match change {
            Change::Create(object) => self.create(&id, &object).await,
            Change::CreateAnew(object) => {
                if let Some((begun, _)) = current {
                    if used(&id, &begun) {
                        return Err(ConfigError::InUse(Box::new(id)));
                    }
                    let deleted = self.client.delete_object(&id).await;
                    deleted.map_err(|error| told("delete", &id, error, &[]))?;
                }
                self.create(&id, &object).await
            }
            Change::Update(object) => match current {
                Some((current, etag)) => self.update(&id, &object, &current, &etag).await,
                None => Err(ConfigError::Outdated(Box::new(id))),
            },
            Change::Delete => {
                if current.is_some_and(|(current, _)| used(&id, &current)) {
                    return Err(ConfigError::InUse(Box::new(id)));
                }
                let deleted = self.client.delete_object(&id).await;
                deleted.map_err(|error| told("delete", &id, error, &[]))
            }
            Change::SetKey(_) => Ok(()),
        }
    }

    /// Looks whether the object is what the plan took it for.
    async fn look(&self, id: &ObjectId, expected: &Expected) -> Result<Current, ConfigError> {
        let current = self.reader.one(id).await?;
        let as_expected = match (expected, &current) {
            (Expected::Absent, Some((current, _))) => is_pending(current),
            (Expected::Absent, None) | (Expected::Present, Some(_)) => true,
            (Expected::Like(like), Some((current, _))) => given(id, current) == *like,
            (Expected::Like(_) | Expected::Present, None) => false,
        };
        if as_expected {
            Ok(current)
        } else {
            Err(ConfigError::Outdated(Box::new(id.clone())))
        }
    }

    async fn set_key(
        &self,
        id: &ObjectId,
        value: &str,
        expected: &Expected,
    ) -> Result<(), ConfigError> {
        let member = id.member.as_ref();
        let document = self.client.server_document(member).await?;
        let config = document.config.ok_or(ConfigError::NoServerKeys)?;
        let as_expected = match (expected, config.get(id.name.as_str())) {
            (Expected::Like(like), Some(value)) => like["value"] == *value,
            (Expected::Absent, value) => value.is_none(),
            (Expected::Present, _) => true,
            (Expected::Like(_), None) => false,
        };
        if !as_expected {
            return Err(ConfigError::Outdated(Box::new(id.clone())));
        }
        let name = id.name.as_str();
        let set = self
            .client
            .set_server_key(name, value, member, &document.etag)
            .await;
        match set {
            Err(incus::Error::Transport { .. }) if name == "core.https_address" => {
                Err(ConfigError::CutOff(Box::new(id.clone())))
            }
            set => set.map_err(|error| {
                let hidden = secrets(name, &Value::from(value));
                told("set", id, error, &hidden)
            }),
        }
    }

    /// Makes an object; in a cluster what each member has for itself first.
    async fn create(&self, id: &ObjectId, object: &Object) -> Result<(), ConfigError> {
        let mut body = create_body(id, object);
        for (member, own) in of_members(object) {
            let mut part = body.clone();
            part.insert("config".to_owned(), own);
            part.shift_remove("description");
            let there = id.clone().on(&member);
            let made = self.client.create_object(&there, Value::Object(part)).await;
            match made {
                // An earlier run got as far as that.
                Err(incus::Error::Refused { ref message, .. })
                    if message.contains("already defined") => {}
                made => made.map_err(|error| told("create", &there, error, &hidden(object)))?,
            }
        }
        let keys = self.send(id, object, &mut body, Request::Create).await?;
        self.bucket_keys(id, object).await?;
        report(keys)
    }

    async fn update(
        &self,
        id: &ObjectId,
        object: &Object,
        current: &Object,
        etag: &ETag,
    ) -> Result<(), ConfigError> {
        let mut body = replace_body(id, object, current);
        let keys = self
            .send(id, object, &mut body, Request::Replace(etag))
            .await?;
        for (member, own) in of_members(object) {
            let before = current
                .set
                .get("members")
                .and_then(|all| all.get(member.as_str()));
            if before == Some(&own) {
                continue;
            }
            self.update_on(id, &member, &own, object).await?;
        }
        self.bucket_keys(id, object).await?;
        report(keys)
    }

    /// Changes what one cluster member has for itself.
    async fn update_on(
        &self,
        id: &ObjectId,
        member: &ResourceName,
        own: &Value,
        object: &Object,
    ) -> Result<(), ConfigError> {
        let there = id.clone().on(member);
        let found = self.client.object(&there).await?;
        let (raw, etag) = found.ok_or_else(|| ConfigError::Outdated(Box::new(there.clone())))?;
        let mut config = raw["config"].as_object().cloned().unwrap_or_default();
        config.retain(|key, _| {
            key.starts_with("volatile.")
                || key == "source"
                || !member_keys(id.kind).contains(&key.as_str())
        });
        config.extend(
            own.as_object()
                .into_iter()
                .flatten()
                .map(|(key, value)| (key.clone(), value.clone())),
        );
        let body = serde_json::json!({ "config": config, "description": raw["description"] });
        let changed = self.client.replace_object(&there, body, &etag).await;
        changed.map_err(|error| told("change", &there, error, &hidden(object)))
    }

    /// Sends an object. Keys that the server does not know are left out, and told.
    async fn send(
        &self,
        id: &ObjectId,
        object: &Object,
        body: &mut Map<String, Value>,
        request: Request<'_>,
    ) -> Result<Vec<String>, ConfigError> {
        let action = match request {
            Request::Create => "create",
            Request::Replace(_) => "change",
        };
        let mut unknown = Vec::new();
        loop {
            let sent = self.attempt(id, body, request).await;
            match sent {
                Ok(()) => return Ok(unknown),
                Err(incus::Error::Refused { code: 412, .. }) => {
                    return Err(ConfigError::Outdated(Box::new(id.clone())));
                }
                Err(incus::Error::Refused {
                    code,
                    action: asked,
                    message,
                }) => {
                    let Some(key) = unknown_key(&message, body) else {
                        let error = incus::Error::Refused {
                            code,
                            action: asked,
                            message,
                        };
                        return Err(told(action, id, error, &hidden(object)));
                    };
                    leave_out(&key, body);
                    unknown.push(key);
                }
                Err(error) => return Err(told(action, id, error, &hidden(object))),
            }
        }
    }

    /// Sends an object once; again, while its server's own programs are in each other's way.
    ///
    /// A network that is changed gets a new dnsmasq, which may find the old one still on its address
    /// (seen on a busy 6.0.4). Can go when Incus waits for the old one's end.
    async fn attempt(
        &self,
        id: &ObjectId,
        body: &Map<String, Value>,
        request: Request<'_>,
    ) -> Result<(), incus::Error> {
        for _ in 0..RACES {
            match self.once(id, body, request).await {
                Err(incus::Error::Refused { message, .. })
                    if message.contains("Address already in use") =>
                {
                    tokio::time::sleep(PAUSE).await;
                }
                sent => return sent,
            }
        }
        self.once(id, body, request).await
    }

    async fn once(
        &self,
        id: &ObjectId,
        body: &Map<String, Value>,
        request: Request<'_>,
    ) -> Result<(), incus::Error> {
        let body = Value::Object(body.clone());
        match request {
            Request::Create => self.client.create_object(id, body).await,
            Request::Replace(etag) => self.client.replace_object(id, body, etag).await,
        }
    }

    /// Gives a bucket the keys that it is to have. The server makes one by itself.
    async fn bucket_keys(&self, id: &ObjectId, object: &Object) -> Result<(), ConfigError> {
        let Some(Value::Array(wanted)) = object.set.get("keys") else {
            return Ok(());
        };
        let named = |key: &Value| key["name"].as_str().unwrap_or_default().to_owned();
        let there = self.client.parts(id, "keys").await?;
        let change = async |key: &Value, change| {
            let name = named(key);
            let made = self
                .client
                .put_bucket_key(id, &name, key.clone(), change)
                .await;
            made.map_err(|error| told("change the keys of", id, error, &hidden(object)))
        };
        for key in &there {
            if !wanted.iter().any(|wanted| named(wanted) == named(key)) {
                change(key, BucketKeyChange::Delete).await?;
            }
        }
        for key in wanted {
            match there.iter().find(|there| named(there) == named(key)) {
                Some(there) if tidy_part(there) == *key => {}
                Some(_) => change(key, BucketKeyChange::Replace).await?,
                None => change(key, BucketKeyChange::Create).await?,
            }
        }
        Ok(())
    }
}

/// How an object is sent.
#[derive(Clone, Copy)]
enum Request<'a> {
    Create,
    Replace(&'a ETag),
}

/// What each cluster member has for itself.
fn of_members(object: &Object) -> Vec<(ResourceName, Value)> {
    let members = object.set.get("members").and_then(Value::as_object);
    members
        .into_iter()
        .flatten()
        .filter_map(|(member, own)| Some((member.parse().ok()?, own.clone())))
        .collect()
}

fn hidden(object: &Object) -> Vec<String> {
    secrets("", &object.declared())
}

fn report(unknown: Vec<String>) -> Result<(), ConfigError> {
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(ConfigError::UnknownKeys { keys: unknown })
    }
}

/// A refusal without the secrets that it may quote.
fn told(
    action: &'static str,
    id: &ObjectId,
    error: incus::Error,
    hidden: &[String],
) -> ConfigError {
    match error {
        incus::Error::Refused { code: 412, .. } => ConfigError::Outdated(Box::new(id.clone())),
        incus::Error::Refused { message, .. } => ConfigError::Refused {
            action,
            object: Box::new(id.clone()),
            message: redact(&message, hidden),
        },
        error => ConfigError::Incus(error),
    }
}
