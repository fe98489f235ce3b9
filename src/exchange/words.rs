//! Texts for people, in both languages.

/// Language of a file, by its headings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    #[default]
    English,
    Chinese,
}

/// One text in English and in Chinese.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    en: String,
    zh: String,
}

impl Words {
    pub fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { en: en.into(), zh: zh.into() }
    }

    /// A text that is in the right language already, such as one of the service.
    pub fn same(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { zh: text.clone(), en: text }
    }

    pub fn of(&self, language: Language) -> &str {
        match language {
            Language::English => &self.en,
            Language::Chinese => &self.zh,
        }
    }

    /// The text below what it is about: `name: is empty`.
    pub fn below(self, en: &str, zh: &str) -> Self {
        Self { en: format!("{en}: {}", self.en), zh: format!("{zh}:{}", self.zh) }
    }

    /// The fault of a row whose external id another row has, given the place of that one.
    pub fn conflict(self, id: &str) -> Self {
        Self {
            en: format!("{id} is also in {}, with other values: keep one of the rows", self.en),
            zh: format!("{id} 与{}重复但内容不同,请只保留一行", self.zh),
        }
    }
}

/// All texts in one.
pub fn join(words: &[Words], language: Language) -> String {
    let separator = match language {
        Language::English => "; ",
        Language::Chinese => ";",
    };
    words.iter().map(|text| text.of(language)).collect::<Vec<_>>().join(separator)
}
