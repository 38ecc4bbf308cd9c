//! Icons: the few of lucide that the console uses.

use eframe::egui::{Color32, FontFamily, FontId, RichText};

/// An icon; it stands beside a word, save in the menu of a row.
#[derive(Debug, Clone, Copy)]
pub struct Icon(lucide_icons::Icon);

macro_rules! icons {
    ($($name:ident),+ $(,)?) => { $(pub const $name: Self = Self(lucide_icons::Icon::$name);)+ };
}

#[expect(non_upper_case_globals, reason = "lucide's own names")]
impl Icon {
    icons!(
        ArrowLeft,
        Building2,
        Check,
        ChevronDown,
        ChevronUp,
        ChevronsUpDown,
        CircleAlert,
        CircleCheck,
        CircleHelp,
        CircleMinus,
        ClipboardPaste,
        Copy,
        Download,
        Ellipsis,
        Eye,
        EyeOff,
        FileSearch,
        FolderOpen,
        History,
        Hourglass,
        Info,
        KeyRound,
        Lightbulb,
        Link,
        LogOut,
        Pencil,
        Plus,
        RefreshCw,
        Search,
        Tag,
        Trash2,
        TriangleAlert,
        UserPlus,
        Users,
        UserRound,
        WifiOff,
        X,
    );

    /// The character of the icon in the icon font.
    pub fn glyph(self) -> char {
        self.0.unicode()
    }

    /// The icon as text, `size` points high.
    pub fn text(self, size: f32, color: Color32) -> RichText {
        RichText::new(self.glyph()).font(Self::font(size)).color(color)
    }

    /// The icon font.
    pub fn font(size: f32) -> FontId {
        FontId::new(size, FontFamily::Name("icons".into()))
    }
}
