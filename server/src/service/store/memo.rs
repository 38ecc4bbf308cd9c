//! What was read, kept in memory for as long as no commit changes the rows that it was made of.
//!
//! Each commit has a number, and notes it for what it changes before anybody can see the change. Whoever reads has a
//! snapshot, with the number of the commit that has left it. What was made of one snapshot is right for another as
//! long as nothing of it has changed after the older of the two: nothing is told of a revocation, nothing can be told too
//! late, and what nobody can tell is read again.

mod changes;
mod room;

use std::{hash::Hash, sync::Arc};

use bytes::Bytes;
use quick_cache::{Weighter, sync::Cache};

pub use self::changes::Changes;
use self::{
    changes::PREFIX,
    room::{ByRoom, ENTRY},
};
use super::api_keys::Place;
use crate::service::{
    metrics::Counter,
    model::{
        api_key::{ApiKey, Reach},
        id::{ApiKeyId, Id as _, OrganizationId},
        member::MemberFilter,
        organization::Organization,
        secret::SecretHash,
    },
};

/// What was made of a snapshot.
#[derive(Clone)]
struct Made<T> {
    /// The number of the commit that has left the snapshot.
    of: u64,
    value: T,
}

/// A page of members, as it leaves.
#[derive(Debug, Clone)]
pub struct MemberPage {
    pub body: Bytes,
    /// How much memory the body takes, in bytes.
    pub room: usize,
    /// The cursor of the next page.
    pub next: Option<String>,
}

impl MemberPage {
    /// The page with this body, which takes at most twice the memory that it needs.
    pub fn new(mut body: Vec<u8>, next: Option<String>) -> Self {
        if body.len() < body.capacity() / 2 {
            body.shrink_to_fit();
        }
        Self { room: body.capacity(), body: body.into(), next }
    }
}

/// Which page of members. What stands around its members is not said: it is the same for each.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PageKey {
    pub organization_id: OrganizationId,
    pub reach: Reach,
    pub filter: MemberFilter,
    /// How many members at most, and how many are looked at.
    pub limit: usize,
    pub examine: usize,
    /// Where the page before has ended.
    pub position: Option<Vec<u8>>,
}

/// About how much a page takes, in bytes.
const USUAL_PAGE: usize = 16 << 10;

/// How full it is, and how often what was asked for was there.
#[derive(Debug, Clone, Copy)]
pub struct MemoStats {
    /// How many bytes it may take.
    pub limit: u64,
    /// How many it takes, about.
    pub used: u64,
    /// How often something was there and right.
    pub hits: u64,
    /// How often it was not, and was read.
    pub misses: u64,
}

/// What is kept.
pub struct Memo {
    changes: Arc<Changes>,
    places: Cache<SecretHash, Made<Arc<Place>>, ByRoom>,
    api_keys: Cache<ApiKeyId, Made<Arc<ApiKey>>, ByRoom>,
    organizations: Cache<OrganizationId, Made<Arc<Organization>>, ByRoom>,
    pages: Cache<PageKey, Made<MemberPage>, ByRoom>,
    bytes: usize,
    hits: Counter,
    misses: Counter,
}

impl Memo {
    /// Nothing yet; so many bytes at most, or about as many.
    pub fn new(changes: Arc<Changes>, bytes: usize) -> Self {
        // Most of it is for pages, which are large; and a key has more to it than its place or a club.
        let (others, api_keys) = (bytes / 32, bytes / 16);
        Self {
            changes,
            places: Cache::with_weighter(others / ENTRY, others as u64, ByRoom),
            api_keys: Cache::with_weighter(api_keys / ENTRY, api_keys as u64, ByRoom),
            organizations: Cache::with_weighter(others / ENTRY, others as u64, ByRoom),
            pages: Cache::with_weighter(bytes / USUAL_PAGE, (bytes - 2 * others - api_keys) as u64, ByRoom),
            bytes,
            hits: Counter::default(),
            misses: Counter::default(),
        }
    }

    /// How full it is, and how often what was asked for was there.
    pub fn stats(&self) -> MemoStats {
        MemoStats {
            limit: self.bytes as u64,
            used: self.places.weight() + self.api_keys.weight() + self.organizations.weight() + self.pages.weight(),
            hits: self.hits.count(),
            misses: self.misses.count(),
        }
    }

    /// For a database that was opened anew, and may not be as it was: nothing that is kept is right for it. The number of
    /// its first snapshot.
    pub fn begin_anew(&self) -> u64 {
        let number = self.changes.begin();
        self.changes.note_all(number);
        number
    }

    /// What is kept under `key` if it is right for the snapshot that the commit with this `number` has left, else what
    /// `read` makes of that snapshot, which is kept from then on. It may read rows of the tables that [`Changes`]
    /// notes alone, whose keys begin with `prefix`; a failure is not kept, nor that there is nothing.
    fn get<K, T, R, W, F>(
        &self,
        cache: &Cache<K, Made<T>, W>,
        key: &K,
        prefix: &[u8; PREFIX],
        number: u64,
        read: impl FnOnce() -> Result<R, F>,
    ) -> Result<R, F>
    where
        K: Eq + Hash + Clone,
        T: Clone,
        R: From<T> + Into<Option<T>> + Clone,
        W: Weighter<K, Made<T>> + Clone,
    {
        let made = cache.get(key);
        // After that: whoever kept it may have a newer snapshot, and then its commit is noted by now.
        let changed = self.changes.newest(prefix);
        if let Some(made) = made.filter(|made| changed <= made.of.min(number)) {
            self.hits.add_one();
            return Ok(made.value.into());
        }
        self.misses.add_one();
        let value = read()?;
        if changed <= number
            && let Some(value) = value.clone().into()
        {
            cache.insert(key.clone(), Made { of: number, value });
        }
        Ok(value)
    }
}

/// What is kept, for a snapshot.
#[derive(Clone)]
pub struct Kept {
    memo: Arc<Memo>,
    /// The number of the commit that has left the snapshot.
    number: u64,
}

impl Kept {
    /// For the snapshot that the commit with this number has left.
    pub const fn of(memo: Arc<Memo>, number: u64) -> Self {
        Self { memo, number }
    }

    /// Where the key of the secret is, and what it opens; `read` reads its row in the table of secrets.
    pub fn place<F>(
        &self,
        hash: &SecretHash,
        read: impl FnOnce() -> Result<Option<Arc<Place>>, F>,
    ) -> Result<Option<Arc<Place>>, F> {
        let prefix = hash.as_bytes().first_chunk().expect("a hash is longer");
        self.memo.get(&self.memo.places, hash, prefix, self.number, read)
    }

    /// A key; `read` reads its row in the table of those.
    pub fn api_key<F>(
        &self,
        id: ApiKeyId,
        read: impl FnOnce() -> Result<Option<Arc<ApiKey>>, F>,
    ) -> Result<Option<Arc<ApiKey>>, F> {
        self.memo.get(&self.memo.api_keys, &id, &id.to_bytes(), self.number, read)
    }

    /// An organization; `read` reads its row in the table of those.
    pub fn organization<F>(
        &self,
        id: OrganizationId,
        read: impl FnOnce() -> Result<Option<Arc<Organization>>, F>,
    ) -> Result<Option<Arc<Organization>>, F> {
        self.memo.get(&self.memo.organizations, &id, &id.to_bytes(), self.number, read)
    }

    /// A page of members; `read` reads the blocks of the organization.
    pub fn page<F>(&self, key: &PageKey, read: impl FnOnce() -> Result<MemberPage, F>) -> Result<MemberPage, F> {
        self.memo.get(&self.memo.pages, key, &key.organization_id.to_bytes(), self.number, read)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::VecDeque,
        sync::atomic::{AtomicBool, AtomicUsize, Ordering},
        thread,
    };

    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

    use super::{
        super::{
            Read as _, ReadTx, Store, api_keys, members, organizations,
            snapshot::Snapshots,
            tables::{self, API_KEY_SECRETS, API_KEYS, ORGANIZATIONS},
        },
        *,
    };
    use crate::service::{
        clock::{Clock, Entropy},
        model::{
            api_key::{KeyState, Person},
            id::MemberId,
            member::Member,
            plan::Plan,
            role::{MemberStatus, Role},
            scope::Scopes,
            timestamp::Timestamp,
        },
    };

    const CLUBS: u128 = 3;
    const SECRETS: u8 = 3;

    struct Plain;

    impl members::PageFrame for Plain {
        const BEGIN: &'static [u8] = b"[";

        fn end(&self, next: Option<&[u8]>, out: &mut Vec<u8>) -> Option<String> {
            out.push(b']');
            next.map(|next| format!("{next:?}"))
        }
    }

    fn organization(id: OrganizationId, revision: u64) -> Organization {
        Organization {
            id,
            name: "Summit".parse().expect("a name"),
            description: None,
            plan: if revision.is_multiple_of(2) { Plan::Coach } else { Plan::Free },
            longest_key_days: None,
            usual_key_days: None,
            revision,
            created_at: Timestamp::from_millis(0),
            updated_at: Timestamp::from_millis(0),
        }
    }

    fn member(organization_id: OrganizationId, bits: u128, number: u64) -> Member {
        Member {
            id: MemberId::from_bits(bits),
            organization_id,
            user_id: None,
            role: Role::Athlete,
            status: MemberStatus::Active,
            display_name: format!("Ana {number}").parse().expect("a name"),
            email: None,
            labels: Vec::new(),
            external_id: None,
            coach_id: None,
            created_at: Timestamp::from_millis(0),
            updated_at: Timestamp::from_millis(0),
        }
    }

    fn api_key(bits: u128, revision: u64) -> ApiKey {
        ApiKey {
            id: key_id(bits),
            organization_id: OrganizationId::from_bits(bits),
            name: "Roster sync".parse().expect("a name"),
            description: None,
            scopes: Scopes::all(),
            scopes_since: Timestamp::from_millis(0),
            reach: Reach::Everything,
            allowed_ips: Vec::new(),
            state: KeyState::Usable,
            secrets: Vec::new(),
            created_at: Timestamp::from_millis(0),
            created_by: Person { id: None, display_name: "Ana".to_owned() },
            expires_at: None,
            revision,
        }
    }

    /// The id of the key of the club with that number.
    fn key_id(bits: u128) -> ApiKeyId {
        ApiKeyId::from_bits(100 + bits)
    }

    fn key_place(bits: u128) -> Vec<u8> {
        [OrganizationId::from_bits(bits).to_bytes(), key_id(bits).to_bytes()].concat()
    }

    fn hash(number: u8) -> SecretHash {
        SecretHash::of_digest([number; 32])
    }

    /// Ends the readers when it goes.
    struct Over<'a>(&'a AtomicBool);

    impl Drop for Over<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// Holds what is kept against what the snapshot itself says.
    fn compare(tx: &ReadTx, random: &mut StdRng, kept: &AtomicUsize) {
        let id = OrganizationId::from_bits(random.random_range(1..=CLUBS));
        let mut was_read = false;
        let of_kept = tx.kept().expect("it is known which commit has left it").organization(id, || {
            was_read = true;
            Ok::<_, crate::service::error::Unavailable>(organizations::get(tx, id)?.map(Arc::new))
        });
        assert_eq!(of_kept.expect("read").as_deref(), organizations::get(tx, id).expect("read").as_ref());
        kept.fetch_add(usize::from(!was_read), Ordering::Relaxed);
        let secret = hash(random.random_range(0..SECRETS));
        let api_key_id = key_id(random.random_range(1..=CLUBS));
        let of_kept = api_keys::shared(tx, id, api_key_id).expect("read");
        assert_eq!(of_kept.as_deref(), api_keys::get(tx, id, api_key_id).expect("read").as_ref());
        let row = tx.get(API_KEY_SECRETS, secret.as_bytes(), |row| row[16..32].to_vec()).expect("read");
        let place = api_keys::place(tx, &secret).expect("read");
        assert_eq!(place.map(|place| place.id.to_bytes().to_vec()), row);
        let (filter, limit, examine) = (MemberFilter::default(), random.random_range(1..4), 10);
        let position =
            random.random_bool(0.5).then(|| MemberId::from_bits(random.random_range(1..4)).to_bytes().to_vec());
        let key = PageKey { organization_id: id, reach: Reach::Everything, filter, limit, examine, position };
        let page = members::framed_page(tx, &key, &Plain).expect("read");
        let mut body = b"[".to_vec();
        let window = members::Window { limit, examine, position: key.position.as_deref() };
        let next = members::page(tx, id, Reach::Everything, &key.filter, window, &mut body).expect("read");
        let next = members::PageFrame::end(&Plain, next.as_deref(), &mut body);
        assert_eq!((&page.body[..], page.next), (&body[..], next));
    }

    /// Whatever is written meanwhile, and however old the snapshot: what is kept is what the snapshot says.
    #[test]
    fn what_is_kept_is_what_each_snapshot_says() {
        const CHANGES: u64 = 400;
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::of_test(folder.path(), Clock::system()).expect("opens");
        let seed = u64::from_be_bytes(Entropy::system().bytes());
        let (is_over, kept) = (AtomicBool::new(false), AtomicUsize::new(0));
        let read = |seed| {
            let (mut random, mut old) = (StdRng::seed_from_u64(seed), VecDeque::new());
            while !is_over.load(Ordering::Relaxed) {
                old.push_back(store.begin_read(false).expect("begun"));
                for _ in 0..8 {
                    let at = random.random_range(0..old.len());
                    compare(&old[at], &mut random, &kept);
                    compare(&store.begin_read(false).expect("begun"), &mut random, &kept);
                }
                if old.len() > 6 {
                    old.pop_front();
                }
            }
        };
        thread::scope(|scope| {
            let over = Over(&is_over);
            let readers: Vec<_> = [1, 2].map(|reader| scope.spawn(move || read(seed.wrapping_add(reader)))).into();
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            let mut random = StdRng::seed_from_u64(seed);
            for number in 0..CHANGES {
                let (kind, bits) = (random.random_range(0..7), random.random_range(1..=CLUBS));
                let (member_bits, secret) = (random.random_range(1..4), random.random_range(0..SECRETS));
                let id = OrganizationId::from_bits(bits);
                runtime
                    .block_on(store.write(move |tx| {
                        let before = members::get(tx, id, MemberId::from_bits(member_bits))?;
                        match kind {
                            0 => organizations::put(tx, &organization(id, number))?,
                            1 => {
                                let place = [id.to_bytes(), ApiKeyId::from_bits(number.into()).to_bytes()].concat();
                                tx.put(API_KEY_SECRETS, hash(secret).as_bytes(), &place)?;
                            }
                            2 => drop(tx.delete(API_KEY_SECRETS, hash(secret).as_bytes())?),
                            3 if before.is_some() => {
                                before.iter().try_for_each(|(before, _)| members::delete(tx, before))?;
                            }
                            5 => {
                                tx.put(API_KEYS, &key_place(bits), &api_keys::form::encode(&api_key(bits, number))?)?
                            }
                            6 => drop(tx.delete(API_KEYS, &key_place(bits))?),
                            _ => {
                                let before = before.as_ref().map(|(before, revision)| (before, *revision));
                                members::put(tx, before, &member(id, member_bits, number))?;
                            }
                        }
                        Ok(())
                    }))
                    .expect("written");
            }
            drop(over);
            readers.into_iter().for_each(|reader| reader.join().unwrap_or_else(|_| panic!("seed {seed}")));
        });
        assert!(kept.into_inner() > 0, "something is kept");
    }

    /// What is in a database that is opened again may be another than what was noted.
    #[test]
    fn nothing_is_kept_over_another_opening() {
        let database = || {
            let database = redb::Database::builder().create_with_backend(redb::backends::InMemoryBackend::new());
            Arc::new(database.expect("made"))
        };
        let id = OrganizationId::from_bits(1);
        let write = |database: &redb::Database, revision| {
            let transaction = database.begin_write().expect("begun");
            for table in tables::ALL {
                transaction.open_table(table.definition).expect("made");
            }
            let record = organizations::form::encode(&organization(id, revision)).expect("encoded");
            let mut rows = transaction.open_table(ORGANIZATIONS.definition).expect("open");
            rows.insert(&id.to_bytes()[..], &record[..]).expect("written");
            drop(rows);
            transaction.commit().expect("committed");
        };
        let (first, second) = (database(), database());
        write(&first, 1);
        write(&second, 2);
        let snapshots = Snapshots::new(first, Memo::new(Arc::default(), 1 << 20));
        let revision = || {
            let tx = ReadTx::of(snapshots.newest().expect("open"));
            organizations::shared(&tx, id).expect("read").expect("an organization").revision
        };
        assert_eq!((revision(), revision()), (1, 1));
        snapshots.close();
        snapshots.open(second);
        assert_eq!(revision(), 2);
    }

    /// However small the pages, and long what is asked for.
    #[test]
    fn it_takes_no_more_memory_than_it_may() {
        const BYTES: usize = 1 << 20;
        let memo = Arc::new(Memo::new(Arc::default(), BYTES));
        let kept = Kept::of(Arc::clone(&memo), 1);
        let mut made = 0;
        for number in 0..4_000_u64 {
            let search = format!("{number} {}", "\u{fdfa}".repeat(usize::try_from(number % 20).expect("few")));
            let filter = MemberFilter { search: Some(search.parse().expect("a search")), ..MemberFilter::default() };
            let key = PageKey {
                organization_id: OrganizationId::from_bits(number.into()),
                reach: Reach::Everything,
                filter,
                limit: 200,
                examine: 10,
                position: Some(vec![0; 100]),
            };
            let page = kept.page(&key, || {
                let mut body = Vec::with_capacity(80_000);
                body.extend_from_slice(b"[]");
                let page = MemberPage::new(body, None);
                made += page.room;
                Ok::<_, ()>(page)
            });
            assert_eq!(page.expect("made").body, b"[]"[..]);
        }
        assert!(made < 4_000 * 64, "what is not needed of a body is given back: {made}");
        let MemoStats { limit, used, misses, .. } = memo.stats();
        assert!(limit == BYTES as u64 && used > limit / 2 && used <= limit && misses == 4_000, "{used}");
    }
}
