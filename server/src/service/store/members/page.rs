//! Pages of members, as the JSON in which they leave.

use std::ops::{Bound, Range};

use redb::ReadableTable as _;

use super::{
    List,
    block::{Block, LAST, number},
    filter::{Rest, Verdict, driver},
    list,
};
use crate::service::{
    error::Unavailable,
    model::{api_key::Reach, id::OrganizationId, member::MemberFilter},
    store::{
        Read,
        memo::{MemberPage, PageKey},
        tables::{MEMBER_BLOCKS, key},
    },
};

/// Which page of a list of members.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    /// How many members at most.
    pub limit: usize,
    /// How many members are looked at or looked up, at most.
    pub examine: usize,
    /// Where it begins: where the page before has ended, or `None`.
    pub position: Option<&'a [u8]>,
}

/// What stands before a member.
const fn comma(is_first: bool) -> &'static [u8] {
    if is_first { b"" } else { b"," }
}

/// Writes these members of the block behind what is in `out`; how many they are.
fn write(block: &Block<'_>, run: Range<usize>, is_first: bool, out: &mut Vec<u8>) -> Result<usize, Unavailable> {
    let count = run.len();
    if count > 0 {
        out.extend_from_slice(comma(is_first));
        out.extend_from_slice(block.run(run)?);
    }
    Ok(count)
}

/// Writes a page of the members within `reach` that match `filter` behind what is in `out`, as the JSON in which they
/// leave and with commas between them: by id, or by the word that was searched for and then by id. Where the next
/// page begins; `None` at the end.
///
/// Where a list that a member must be in, too, has nobody for a while, the driver's is left out so far: a leapfrog join
/// (Veldhuizen, "Leapfrog Triejoin", 2014). A member who is looked at counts as examined, and so does each search of a
/// tree for one.
pub fn page(
    tx: &impl Read,
    organization_id: OrganizationId,
    reach: Reach,
    filter: &MemberFilter,
    Window { limit, examine, position }: Window<'_>,
    out: &mut Vec<u8>,
) -> Result<Option<Vec<u8>>, Unavailable> {
    let Reach::Everything = reach;
    let rows = tx.rows(MEMBER_BLOCKS)?;
    let (driver, value) = driver(filter);
    let Some(mut rest) = Rest::of(&*rows, filter, organization_id, driver)? else { return Ok(None) };
    let lists = list(organization_id, driver, &[]);
    let prefix = key(&[&lists, &value]);
    // A position is value and id in these lists.
    let mut after = position.map(|position| key(&[&lists, position]));
    let mut blocks = rows.lower_bound(Bound::Included(after.as_deref().unwrap_or(&prefix)))?;
    let (mut count, mut examined, mut last) = (0, 0, Vec::new());
    while let Some((place, bytes)) = blocks.next()? {
        let place = place.value();
        let Some((of_list, last_of_block)) = place.split_last_chunk().filter(|_| place.starts_with(&prefix)) else {
            break;
        };
        let block = Block::read(bytes.value())?;
        let mut at = match after.as_deref().and_then(<[u8]>::split_last_chunk) {
            Some((of, id)) if of == of_list => block.seek(0, number(id).saturating_add(1)),
            _ => 0,
        };
        let mut run = at..at;
        let mut fails_until = 0;
        while at < block.len() && count + run.len() < limit && (examined == 0 || examined + rest.searches() < examine) {
            examined += 1;
            let verdict = rest.judge(&block, at)?;
            if matches!(verdict, Verdict::Passes) && block.has_json(at) {
                // Those who stand side by side leave together.
                at += 1;
                run.end = at;
                continue;
            }
            count += write(&block, run, count == 0, out)?;
            match verdict {
                Verdict::Passes => {
                    out.extend_from_slice(comma(count == 0));
                    rest.json_of(&block, at, |json| {
                        out.extend_from_slice(json);
                        Ok(())
                    })?;
                    count += 1;
                    at += 1;
                }
                Verdict::Fails => at += 1,
                Verdict::FailsUntil(id) => {
                    at = block.seek(at + 1, id);
                    fails_until = id;
                }
            }
            run = at..at;
        }
        count += write(&block, run, count == 0, out)?;
        if at > 0 {
            last.clear();
            last.extend_from_slice(&of_list[lists.len()..]);
            last.extend_from_slice(block.id(at - 1));
        }
        if at < block.len() {
            return Ok(Some(last));
        }
        if fails_until > number(last_of_block) {
            let before = (fails_until - 1).to_be_bytes();
            blocks = rows.lower_bound(Bound::Included(&after.insert(key(&[of_list, &before]))[..]))?;
        } else if driver != List::Word && *last_of_block == LAST {
            break;
        }
    }
    Ok(None)
}

/// What stands around the members of a page. There is one of it: what is kept does not say which.
pub trait PageFrame {
    /// What stands before them.
    const BEGIN: &'static [u8];

    /// Writes what stands behind them, where the next page begins at a position or there is none; that page's cursor.
    fn end(&self, next: Option<&[u8]>, out: &mut Vec<u8>) -> Option<String>;
}

/// About how many bytes a member takes.
const USUAL_ROW: usize = 400;

/// The same in a frame, which is the same for the same page; kept until a member of the organization changes.
pub fn framed_page<F: PageFrame>(tx: &impl Read, key: &PageKey, frame: &F) -> Result<MemberPage, Unavailable> {
    let read = || {
        let PageKey { organization_id, reach, filter, limit, examine, position } = key;
        let mut body = Vec::with_capacity(limit * USUAL_ROW);
        body.extend_from_slice(F::BEGIN);
        let window = Window { limit: *limit, examine: *examine, position: position.as_deref() };
        let next = page(tx, *organization_id, *reach, filter, window, &mut body)?;
        let next = frame.end(next.as_deref(), &mut body);
        Ok(MemberPage::new(body, next))
    };
    match tx.kept() {
        Some(kept) => kept.page(key, read),
        None => read(),
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

    use super::{
        super::{delete, get, put, text_value},
        *,
    };
    use crate::service::{
        clock::{Clock, Entropy},
        model::{
            id::{Id as _, MemberId},
            member::Member,
            role::{MemberStatus, Role},
            timestamp::Timestamp,
        },
        store::{Store, WriteTx},
    };

    const NAMES: [&str; 8] =
        ["Ana", "Anaya Ana", "Ruiz", "José Ruiz", "Ana-Maria", "Maria Ana Ruiz", "ß", "Extraordinarily"];

    fn random_member(random: &mut StdRng, organization_id: OrganizationId, number: u128) -> Member {
        let pick = |random: &mut StdRng, from: &[&str]| (*from.choose(random).expect("some")).to_owned();
        // Longer, once it is folded, than what is indexed of a word.
        let long = "ß".repeat(34);
        let name = match random.random_range(0..8) {
            0 => format!("{} {long}", pick(random, &NAMES)),
            1 => format!("{long}y {long}z"),
            // Where they are cut to what is indexed, the last of these is the first again.
            2 => format!("{0} {0}a {0}李", "李".repeat(21)),
            _ => format!("{} {}", pick(random, &NAMES), pick(random, &NAMES)),
        };
        let mut labels: Vec<_> = ["U14", "U16", "U1"]
            .into_iter()
            .filter(|_| random.random_bool(0.4))
            .map(|label| label.parse().expect("a label"))
            .collect();
        labels.sort_unstable();
        Member {
            id: MemberId::from_bits(number),
            organization_id,
            user_id: None,
            role: *Role::ALL.choose(random).expect("some"),
            status: *MemberStatus::ALL.choose(random).expect("some"),
            display_name: name.parse().expect("a name"),
            email: random.random_bool(0.5).then(|| format!("ana{number}@maria.example").parse().expect("an email")),
            labels,
            external_id: None,
            coach_id: random.random_bool(0.5).then(|| MemberId::from_bits(random.random_range(1..4))),
            created_at: Timestamp::from_millis(0),
            updated_at: Timestamp::from_millis(0),
        }
    }

    fn random_filter(random: &mut StdRng) -> MemberFilter {
        let searches = [
            "ana",
            "ana ruiz",
            "a",
            "maria an",
            "ssss",
            "ana3@maria.example",
            "anaya",
            "jose r",
            "s",
            "nobody",
            "ana nobody",
        ];
        let long = ["s".repeat(64), "s".repeat(68), "s".repeat(68) + "y", "李".to_owned(), "李".repeat(22)];
        let search = match random.random_range(0..4) {
            0 => Some((*searches.choose(random).expect("some")).to_owned()),
            1 => Some(long.choose(random).expect("some").clone()),
            _ => None,
        };
        MemberFilter {
            role: random.random_bool(0.2).then(|| *Role::ALL.choose(random).expect("some")),
            status: random.random_bool(0.2).then(|| *MemberStatus::ALL.choose(random).expect("some")),
            label: random.random_bool(0.3).then(|| "U14".parse().expect("a label")),
            coach_id: random.random_bool(0.3).then(|| MemberId::from_bits(2)),
            search: search.map(|search| search.parse().expect("a search")),
        }
    }

    fn meant(filter: &MemberFilter, member: &Member) -> bool {
        let words = member.words();
        filter.role.is_none_or(|role| member.role == role)
            && filter.status.is_none_or(|status| member.status == status)
            && filter.label.as_ref().is_none_or(|label| member.labels.contains(label))
            && filter.coach_id.is_none_or(|coach| member.coach_id == Some(coach))
            && filter.search.as_ref().is_none_or(|search| {
                search.words().iter().all(|sought| words.iter().any(|word| word.starts_with(sought.as_str())))
            })
    }

    fn member(organization_id: OrganizationId, number: u128, name: &str, email: &str) -> Member {
        Member {
            id: MemberId::from_bits(number),
            organization_id,
            user_id: None,
            role: Role::Athlete,
            status: MemberStatus::Active,
            display_name: name.parse().expect("a name"),
            email: Some(email.parse().expect("an email")),
            labels: Vec::new(),
            external_id: None,
            coach_id: None,
            created_at: Timestamp::from_millis(0),
            updated_at: Timestamp::from_millis(0),
        }
    }

    async fn put_all(store: &Store, members: Vec<Member>) {
        let put = move |tx: &WriteTx| Ok(members.iter().try_for_each(|member| put(tx, None, member))?);
        store.write(put).await.expect("written");
    }

    /// The members of the first page that come of the filter.
    fn first_page(
        store: &Store,
        organization_id: OrganizationId,
        filter: &MemberFilter,
        examine: usize,
    ) -> Vec<Member> {
        let mut out = b"[".to_vec();
        let window = Window { limit: 50, examine, position: None };
        let read = |tx: &_| Ok(page(tx, organization_id, Reach::Everything, filter, window, &mut out)?);
        store.read(read).expect("read");
        out.push(b']');
        serde_json::from_slice(&out).expect("JSON")
    }

    /// Nearly everyone has the one value and few have the other, far apart: who has both is found by looking at the few.
    #[tokio::test]
    async fn the_rarest_filter_says_what_is_examined() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::of_test(folder.path(), Clock::system()).expect("opens");
        let organization_id = OrganizationId::from_bits(7);
        let coach_id = Some(MemberId::from_bits(1_000));
        let members = (1..=300).map(|number| {
            let name = if number % 100 == 0 { "Rare Anastasia" } else { "Usual Anastasia" };
            let member = member(organization_id, number, name, &format!("m{number}@seed.example"));
            Member { coach_id: coach_id.filter(|_| number % 60 == 0), ..member }
        });
        put_all(&store, members.collect()).await;
        let found = |filter: &MemberFilter| -> Vec<u128> {
            let page = first_page(&store, organization_id, filter, 40);
            page.iter().map(|member| u128::from_be_bytes(member.id.to_bytes())).collect()
        };
        let search = |text: &str| Some(text.parse().expect("a search"));
        assert_eq!(
            found(&MemberFilter { search: search("anastasia rare"), ..MemberFilter::default() }),
            [100, 200, 300]
        );
        assert_eq!(found(&MemberFilter { search: search("anas ra"), ..MemberFilter::default() }), [100, 200, 300]);
        let filter = MemberFilter { search: search("anastasia"), coach_id, ..MemberFilter::default() };
        assert_eq!(found(&filter), [60, 120, 180, 240, 300]);
        let filter = MemberFilter { search: search("anastasia rare"), coach_id, ..MemberFilter::default() };
        assert_eq!(found(&filter), [300]);
    }

    /// A word of emails that few have leads to their JSON at once; one that everyone has does not hold everyone again.
    #[tokio::test]
    async fn json_lies_beside_words_that_few_emails_have() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::of_test(folder.path(), Clock::system()).expect("opens");
        let organization_id = OrganizationId::from_bits(7);
        let members = (1..=300).map(|number| {
            let domain = if number % 20 == 0 { "club" } else { "mail" };
            member(organization_id, number, "Ana", &format!("m{number}@{domain}.example"))
        });
        put_all(&store, members.collect()).await;
        let with_json = |word: &str| {
            let (mut with, mut all) = (0, 0);
            let list = list(organization_id, List::Word, &text_value(word));
            let visit = |_: &[u8], bytes: &[u8]| {
                let block = Block::read(bytes)?;
                all += block.len();
                with += (0..block.len()).filter(|at| block.has_json(*at)).count();
                Ok(std::ops::ControlFlow::Continue(()))
            };
            store.read(|tx| Ok(tx.scan_prefix(MEMBER_BLOCKS, &list, visit)?)).expect("read");
            (with, all)
        };
        assert_eq!(with_json("club"), (15, 15));
        assert_eq!(with_json("m17"), (1, 1));
        assert_eq!(with_json("m17@mail.example"), (0, 1));
        let (with, all) = with_json("example");
        assert!(all == 300 && with < 250, "{with} of {all}");
    }

    /// Page after page, each member that is meant is listed, and once; whatever has changed, whatever is asked for.
    #[tokio::test]
    async fn each_member_that_a_filter_means_is_listed_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::of_test(folder.path(), Clock::system()).expect("opens");
        let seed = u64::from_be_bytes(Entropy::system().bytes());
        let mut random = StdRng::seed_from_u64(seed);
        let organization_id = OrganizationId::from_bits(7);
        let mut members: Vec<Member> =
            (1..=60).map(|number| random_member(&mut random, organization_id, number)).collect();
        let first = members.clone();
        type Action = Box<dyn Fn(&WriteTx) -> Result<(), Unavailable> + Send>;
        let write = async |action: Action| {
            store.write(move |tx| Ok(action(tx)?)).await.expect("written");
        };
        write(Box::new(move |tx| first.iter().try_for_each(|member| put(tx, None, member)))).await;
        // Some are changed, some removed, and of some the index is as it once was.
        for _ in 0..40 {
            let place = random.random_range(0..members.len());
            let before = members[place].clone();
            if random.random_bool(0.2) {
                members.remove(place);
                write(Box::new(move |tx| delete(tx, &before))).await;
            } else {
                let after = random_member(&mut random, organization_id, u128::from_be_bytes(before.id.to_bytes()));
                members[place] = after.clone();
                write(Box::new(move |tx| put(tx, Some((&before, 1)), &after))).await;
            }
        }
        for number in 1..=61 {
            let id = MemberId::from_bits(number);
            let wanted = members.iter().find(|member| member.id == id).cloned();
            let found = store.read(|tx| Ok(get(tx, organization_id, id)?)).expect("read").map(|(member, _)| member);
            assert_eq!(found, wanted, "seed {seed}, {id}");
        }
        for _ in 0..400 {
            let filter = random_filter(&mut random);
            let (limit, examine) = (random.random_range(1..20), random.random_range(1..20));
            let (mut listed, mut position): (Vec<Member>, Option<Vec<u8>>) = (Vec::new(), None);
            loop {
                let mut out = b"[".to_vec();
                let window = Window { limit, examine, position: position.as_deref() };
                let page = |tx: &_| Ok(page(tx, organization_id, Reach::Everything, &filter, window, &mut out)?);
                position = store.read(page).expect("read");
                out.push(b']');
                let page: Vec<Member> = serde_json::from_slice(&out).expect("JSON");
                assert!(page.len() <= limit);
                listed.extend(page);
                if position.is_none() {
                    break;
                }
            }
            listed.sort_by_key(|member| member.id);
            let mut wanted: Vec<_> = members.iter().filter(|member| meant(&filter, member)).cloned().collect();
            wanted.sort_by_key(|member| member.id);
            assert_eq!(listed, wanted, "seed {seed}, {filter:?}");
        }
    }
}
