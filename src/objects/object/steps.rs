//! Creation, changes and actions, by the rules of the type's definition.

use access::Caller;
use customers::customer;
use diesel_async::RunQueryDsl;
use fields::FieldType;
use platform::row_rule::EVERYBODY;
use platform::{Change, Embedded, Error, Fault, IfMatch, IfSent, Result, Tx};
use schema::objects;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::body::Fields;
use super::{CustomObject, db};
use crate::definition::{Actor, Definition, Transition, Viewer};
use crate::object_type::catalog::{Catalog, Compiled};

impl CustomObject {
    pub async fn create(
        tx: &mut Tx,
        caller: &Caller,
        type_: &str,
        fields: &Fields,
    ) -> Result<Self> {
        let catalog: Catalog = tx.extension()?;
        let (compiled, active) = catalog.current(tx.conn(), caller, type_).await?;
        let Compiled { definition, version, shapes, .. } = &*compiled;
        if !definition.creators.iter().any(|role| caller.is(*role)) {
            return Err(Error::forbidden());
        }
        if !active {
            let detail = "The type is switched off, so that there are no new objects.";
            return Err(Error::conflict("type_switched_off", detail));
        }

        let check = |body: &Value| shapes.faults_of_new(body);
        let mut fields = fields.resolve(tx.conn(), caller, definition, check).await?;
        let owner_id = id_in(&fields.remove("owner_id").unwrap_or_default()).unwrap_or(caller.id());
        let customer_id = fields.remove("customer_id").as_ref().and_then(id_in);
        let customers = customer::load(tx.conn(), customer_id).await?;
        let customer = customer_id.and_then(|id| customers.get(&id));
        if customer.is_some_and(|customer| customer.merged_into_id.is_some()) {
            let why = "merged into another customer";
            let fault = Fault::new("/customer_id", "customer_merged", why);
            return Err(Error::invalid(vec![fault]));
        }

        let object = Self {
            id: Uuid::now_v7(),
            version: 1,
            type_: type_.to_owned(),
            definition_version: *version,
            number: Self::next_number(tx, type_, &definition.prefix).await?,
            status: definition.initial().to_owned(),
            author_id: caller.id(),
            owner_id,
            customer_id,
            by_customer: definition.is_seen_by_customer(),
            viewer_ids: viewers(tx, definition, caller.id(), owner_id).await?,
            source_system: None,
            external_id: None,
            ended_at: None,
            created_at: tx.now,
            updated_at: tx.now,
            fields: Embedded(completed(definition, fields)),
            customer_owner_id: customer.and_then(|customer| customer.owner_id),
        };
        let insert = diesel::insert_into(objects::table).values(&object);
        insert.execute(tx.conn()).await.map_err(db::refused)?;
        tx.record(Change::created(&object)).await?;
        Ok(object)
    }

    pub async fn update(
        tx: &mut Tx,
        caller: &Caller,
        (type_, id): &(String, Uuid),
        based_on: IfMatch,
        fields: &Fields,
    ) -> Result<Self> {
        let (before, compiled, _) = Self::lock(tx, caller, type_, *id).await?;
        based_on.check(tx, &before, &fields.names()).await?;
        let mine = [Actor::Owner, Actor::Author, Actor::Leader];
        if !mine.iter().any(|actor| before.has(*actor, caller)) {
            return Err(not_your_object());
        }
        if before.ended_at.is_some() {
            let detail = "The object is `{}`, which is final.";
            return Err(Error::wrong_status(&before.status, detail));
        }

        let Compiled { definition, shapes, .. } = &*compiled;
        let check = |body: &Value| shapes.faults_of_change(body);
        let mut fields = fields.resolve(tx.conn(), caller, definition, check).await?;
        let mut after = before.clone();
        if let Some(owner_id) = fields.remove("owner_id").as_ref().and_then(id_in) {
            after.owner_id = owner_id;
            after.viewer_ids = viewers(tx, definition, before.author_id, owner_id).await?;
        }
        after.fields.0.extend(fields);
        before.save(tx, after).await
    }

    /// Takes an action that the definition names.
    pub async fn act(
        tx: &mut Tx,
        caller: &Caller,
        (type_, id, action): &(String, Uuid, String),
        based_on: IfSent,
        fields: &Fields,
    ) -> Result<Self> {
        let (before, compiled, current) = Self::lock(tx, caller, type_, *id).await?;
        based_on.check(tx, &before).await?;
        let Compiled { definition, shapes, guards, .. } = &*compiled;
        let named = definition.transitions.iter().find(|it| it.action == *action);
        let transition = named.ok_or_else(Error::not_found)?;
        if !before.is_open_to(transition, caller) {
            return Err(not_your_object());
        }
        if !transition.from.contains(&before.status) {
            let detail = "The object is `{}`, which does not allow this action.";
            return Err(Error::wrong_status(&before.status, detail));
        }

        let check = |body: &Value| shapes.faults_of_action(transition, body);
        let fields = fields.resolve(tx.conn(), caller, definition, check).await?;
        let mut after = before.clone();
        after.fields.0.extend(fields);
        let missing = transition
            .requires
            .iter()
            .filter(|key| after.fields.get(*key).is_none_or(Value::is_null));
        let missing =
            missing.map(|key| Fault::new(format!("/{key}"), "required", "this field is required"));
        let missing: Vec<Fault> = missing.collect();
        if !missing.is_empty() {
            return Err(Error::invalid(missing));
        }

        let (guard, time) = (transition.guard.as_ref(), (tx.now, tx.today));
        guards.check(action, guard, &after.values(caller), time)?;
        for key in &transition.stamps {
            let is_date = definition.field(key).is_some_and(|it| it.type_ == FieldType::Date);
            let now = if is_date { tx.today.to_string() } else { tx.now.to_string() };
            after.fields.0.insert(key.clone(), now.into());
        }
        after.status.clone_from(&transition.to);
        let is_final = definition.state(&transition.to).is_some_and(|state| state.is_final);
        after.ended_at = is_final.then_some(tx.now);
        after.migrate(tx, &current).await?;
        before.save(tx, after).await
    }

    /// Checks whether the caller is one of those who may take an action.
    fn is_open_to(&self, transition: &Transition, caller: &Caller) -> bool {
        if transition.never_author && self.author_id == caller.id() {
            return false;
        }
        transition.actors.iter().any(|actor| self.has(*actor, caller))
            || transition.roles.iter().any(|role| caller.is(*role))
    }

    /// Returns the values that guards may use.
    fn values(&self, caller: &Caller) -> Map<String, Value> {
        let mut values = self.fields.0.clone();
        let customer = self.customer_id.map(|id| id.to_string());
        let fixed = [
            ("status", Some(self.status.clone())),
            ("owner_id", Some(self.owner_id.to_string())),
            ("author_id", Some(self.author_id.to_string())),
            ("caller_id", Some(caller.id().to_string())),
            ("customer_id", customer),
        ];
        values.extend(fixed.map(|(name, value)| (name.to_owned(), value.into())));
        values
    }

    fn has(&self, actor: Actor, caller: &Caller) -> bool {
        match actor {
            Actor::Owner => self.owner_id == caller.id(),
            Actor::Author => self.author_id == caller.id(),
            Actor::Leader => {
                self.owner_id != caller.id() && caller.people().contains(&self.owner_id)
            }
            Actor::Anyone => true,
        }
    }

    /// Moves the object to the current version of the definition, with its viewers, if it has
    /// everything that this one asks for.
    async fn migrate(&mut self, tx: &mut Tx, current: &Compiled) -> Result<()> {
        let Compiled { definition, version, .. } = current;
        let fields = completed(definition, self.fields.0.clone());
        let lacks = |key: &str| match key {
            "customer_id" => self.customer_id.is_none(),
            key => fields.get(key).is_none_or(Value::is_null),
        };
        let complete = !definition.fields.iter().any(|field| field.required && lacks(&field.key));
        let known = definition.state(&self.status).is_some();
        if *version == self.definition_version || !complete || !known {
            return Ok(());
        }
        self.definition_version = *version;
        self.fields = Embedded(fields);
        self.by_customer = definition.is_seen_by_customer();
        self.viewer_ids = viewers(tx, definition, self.author_id, self.owner_id).await?;
        Ok(())
    }
}

fn not_your_object() -> Error {
    let detail = "The definition of the type reserves this to other people.";
    Error::forbidden_because("not_your_object", detail)
}

fn id_in(value: &Value) -> Option<Uuid> {
    value.as_str()?.parse().ok()
}

/// Returns the fields with null for those without a value.
fn completed(definition: &Definition, mut fields: Map<String, Value>) -> Map<String, Value> {
    let stored = definition.fields.iter().filter(|field| field.key != "customer_id");
    for field in stored {
        fields.entry(field.key.clone()).or_insert(Value::Null);
    }
    fields
}

/// Returns the ids of those who see an object apart from those who see its customer.
async fn viewers(
    tx: &mut Tx,
    definition: &Definition,
    author: Uuid,
    owner: Uuid,
) -> Result<Vec<Uuid>> {
    let mut viewers = vec![owner, author];
    if definition.visible_to.contains(&Viewer::TeamsAbove) {
        let today = tx.today;
        let paths = auth::team_paths(tx.conn(), &[(owner, today)]).await?;
        viewers.extend(paths.into_values().flatten());
    }
    if definition.visible_to.contains(&Viewer::Everybody) {
        viewers.extend(EVERYBODY);
    }
    viewers.extend(definition.visible_to_roles.iter().map(|role| role.id()));
    viewers.sort_unstable();
    viewers.dedup();
    Ok(viewers)
}
