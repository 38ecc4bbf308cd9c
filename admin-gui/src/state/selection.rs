//! The row of a table that the keyboard is on.

/// How a selection moves through a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// So many rows down; up if negative.
    By(isize),
    /// To the first row.
    First,
    /// To the last row.
    Last,
}

/// What is selected, and where it is: found when something changes, since each frame asks.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    id: Option<String>,
    row: Option<usize>,
    /// The row that it was in last: where one goes on from if it is shown no more.
    near: Option<usize>,
}

impl Selection {
    /// The id of what is selected, whether it is shown or not.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The row that it is in, if it is shown.
    pub fn row(&self) -> Option<usize> {
        self.row
    }

    /// Selects what has that id, as soon as it is there.
    pub(super) fn choose(&mut self, id: String, rows: &[usize], place_of: impl Fn(&str) -> Option<usize>) {
        self.id = Some(id);
        self.find(rows, place_of);
    }

    /// Moves within `rows`; from nowhere to the first.
    pub(super) fn go<'a>(&mut self, to: Move, rows: &[usize], id_of: impl Fn(usize) -> &'a str) {
        let last = rows.len().saturating_sub(1);
        let row = match to {
            Move::By(by) => match (self.row, self.near) {
                (Some(at), _) => at.saturating_add_signed(by).min(last),
                // What came after it stands in its row now.
                (None, Some(near)) => near.saturating_add_signed(by - by.signum().max(0)).min(last),
                (None, None) => 0,
            },
            Move::First => 0,
            Move::Last => last,
        };
        let place = rows.get(row).copied();
        self.row = place.map(|_| row);
        self.near = self.row;
        self.id = place.map(|place| id_of(place).to_owned());
    }

    /// Finds its row anew: after the items or `rows`, which are places among them, have changed.
    pub(super) fn find(&mut self, rows: &[usize], place_of: impl Fn(&str) -> Option<usize>) {
        let place = self.id.as_deref().and_then(place_of);
        self.row = place.and_then(|place| rows.iter().position(|&row| row == place));
        self.near = self.row.or(self.near);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(selection: &Selection) -> (Option<&str>, Option<usize>) {
        (selection.id(), selection.row())
    }

    fn place_in<'a>(items: &'a [&str]) -> impl Fn(&str) -> Option<usize> + 'a {
        |id| items.iter().position(|item| *item == id)
    }

    #[test]
    fn it_stays_within_the_rows() {
        let (items, rows) = (["a", "b", "c"], [2, 0, 1]);
        let mut selection = Selection::default();
        let mut go = |to| {
            selection.go(to, &rows, |at| items[at]);
            selection.row()
        };
        assert_eq!(go(Move::By(1)), Some(0), "from nowhere to the first");
        assert_eq!(go(Move::By(10)), Some(2));
        assert_eq!(go(Move::By(-10)), Some(0));
        assert_eq!(go(Move::Last), Some(2));
        assert_eq!(at(&selection), (Some("b"), Some(2)));
        selection.go(Move::First, &[], |at| items[at]);
        assert_eq!(at(&selection), (None, None), "there is nothing");
    }

    #[test]
    fn it_stays_on_what_was_selected_when_rows_and_items_change() {
        let mut selection = Selection::default();
        selection.choose("b".to_owned(), &[0], place_in(&["a"]));
        assert_eq!(at(&selection), (Some("b"), None), "it is not there yet");
        selection.find(&[0, 1, 2], place_in(&["a", "b", "c"]));
        assert_eq!(at(&selection), (Some("b"), Some(1)));
        selection.find(&[2, 1, 0], place_in(&["a", "b", "c"]));
        assert_eq!(selection.row(), Some(1));
        selection.find(&[0], place_in(&["a", "b", "c"]));
        assert_eq!(at(&selection), (Some("b"), None), "it is filtered away");
        selection.find(&[1, 2, 0], place_in(&["b", "a", "c"]));
        assert_eq!(selection.row(), Some(2), "it has moved in the list");
        selection.find(&[0, 1], place_in(&["a", "c"]));
        assert_eq!(at(&selection), (Some("b"), None), "it was removed");
        selection.go(Move::By(-1), &[0, 1], |at| ["a", "c"][at]);
        assert_eq!(at(&selection), (Some("c"), Some(1)), "on from where it was, in the last row");
    }
}
