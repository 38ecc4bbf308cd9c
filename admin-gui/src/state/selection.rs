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
    place: Option<usize>,
    row: Option<usize>,
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
    pub(super) fn choose<T>(&mut self, id: String, items: &[T], rows: &[usize], id_of: impl Fn(&T) -> &str) {
        self.id = Some(id);
        self.find(items, rows, id_of);
    }

    /// Moves within `rows`; from nowhere to the first.
    pub(super) fn go<T>(&mut self, to: Move, items: &[T], rows: &[usize], id_of: impl Fn(&T) -> &str) {
        let last = rows.len().saturating_sub(1);
        let row = match to {
            Move::By(by) => self.row.map_or(0, |at| at.saturating_add_signed(by).min(last)),
            Move::First => 0,
            Move::Last => last,
        };
        self.place = rows.get(row).copied();
        self.row = self.place.map(|_| row);
        self.id = self.place.map(|place| id_of(&items[place]).to_owned());
    }

    /// Finds its row anew: after `items` or `rows` have changed.
    pub(super) fn find<T>(&mut self, items: &[T], rows: &[usize], id_of: impl Fn(&T) -> &str) {
        let Some(id) = self.id.as_deref() else { return };
        let is_it = |place: &usize| items.get(*place).is_some_and(|item| id_of(item) == id);
        // It is where it was, mostly.
        self.place = self.place.filter(is_it).or_else(|| (0..items.len()).find(is_it));
        self.row = self.place.and_then(|place| rows.iter().position(|&row| row == place));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(selection: &Selection) -> (Option<&str>, Option<usize>) {
        (selection.id(), selection.row())
    }

    #[test]
    fn it_stays_within_the_rows() {
        let (items, rows) = (["a", "b", "c"], [2, 0, 1]);
        let mut selection = Selection::default();
        let mut go = |to| {
            selection.go(to, &items, &rows, |id| id);
            selection.row()
        };
        assert_eq!(go(Move::By(1)), Some(0), "from nowhere to the first");
        assert_eq!(go(Move::By(10)), Some(2));
        assert_eq!(go(Move::By(-10)), Some(0));
        assert_eq!(go(Move::Last), Some(2));
        assert_eq!(at(&selection), (Some("b"), Some(2)));
        selection.go(Move::First, &items, &[], |id| id);
        assert_eq!(at(&selection), (None, None), "there is nothing");
    }

    #[test]
    fn it_stays_on_what_was_selected_when_rows_and_items_change() {
        let mut selection = Selection::default();
        selection.choose("b".to_owned(), &["a"], &[0], |id| id);
        assert_eq!(at(&selection), (Some("b"), None), "it is not there yet");
        selection.find(&["a", "b", "c"], &[0, 1, 2], |id| id);
        assert_eq!(at(&selection), (Some("b"), Some(1)));
        selection.find(&["a", "b", "c"], &[2, 1, 0], |id| id);
        assert_eq!(selection.row(), Some(1));
        selection.find(&["a", "b", "c"], &[0], |id| id);
        assert_eq!(at(&selection), (Some("b"), None), "it is filtered away");
        selection.find(&["b", "a", "c"], &[1, 2, 0], |id| id);
        assert_eq!(selection.row(), Some(2), "it has moved in the list");
        selection.find(&["a", "c"], &[0, 1], |id| id);
        assert_eq!(at(&selection), (Some("b"), None), "it was removed");
    }
}
