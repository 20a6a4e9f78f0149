# ruff: noqa: RUF001 - letters of other alphabets are the subject
"""How mail programs introduce what an answer quotes, by language. Data only; to add a language add its words.

Seen in Gmail, Outlook, Apple Mail and Thunderbird set to each language. Lines that name an address and a time and end
with a colon need no words (Gmail in Hebrew, Arabic, Russian and Polish): `hub.mail.quote` knows them by their form.
"""

# Begin of the line and its verb, for programs that leave the address out: `On 3 March 2025, Dana wrote:`.
ATTRIBUTIONS: dict[str, tuple[str, str]] = {
    "ar": ("في|بتاريخ|يوم", "كتب|كتبت|كتابة"),
    "de": ("Am", "schrieb"),
    "el": ("Στις|Την", "έγραψε"),
    "en": ("On", "wrote"),
    "es": ("El", "escribió"),
    "fi": ("", "kirjoitti"),
    "fr": ("Le", "a écrit"),
    "he": ("בתאריך|ב-|ב־|ביום", "כתב|כתבה|כתב/ה|מאת"),
    "hu": ("", "írta|ezt írta"),
    "it": ("Il", "ha scritto"),
    "ko": ("", "작성하였습니다|작성"),
    "pl": ("W dniu|Dnia|pon|wt|śr|czw|pt|sob|niedz|ndz|\\d", "napisał|napisała|pisze"),
    "pt": ("Em|No dia|A", "escreveu"),
    "ro": ("În|Pe|La", "a scris"),
    "ru": ("", "написал|написала|пишет|писал"),
    "tr": ("", "yazdı|şunu yazdı"),
    "uk": ("", "пише|написав|написала|писав"),
    "zh": ("", ".{0,60}写道|.{0,60}寫道"),
}

# How answers that are written here begin what they quote: in words that are known again above.
OWN: dict[str, str] = {
    "ar": "في {at}، كتب {who}:",
    "en": "On {at}, {who} wrote:",
    "he": "בתאריך {at}, {who} כתב/ה:",
    "pl": "W dniu {at}, {who} pisze:",
    "ru": "{at}, {who} пишет:",
}

# The block of lines that Outlook puts before what it quotes.
FROM = (
    "From|Von|De|Da|Od|От|От кого|Від|Van|מאת|من|Från|Fra|Lähettäjä|Kimden|Gönderen|Feladó|De la|Από|"
    "发件人|寄件者|差出人|보낸 사람"
)
SENT = (
    "Sent|Date|Gesendet|Datum|Envoyé|Enviado|Enviado el|Fecha|Enviada em|Enviado em|Data|Inviato|Wysłano|Wysłane|"
    "Отправлено|Дата|Надіслано|Odesláno|Verzonden|נשלח|תאריך|تم الإرسال|إرسال|أرسلت|تاريخ الإرسال|التاريخ|Skickat|Sendt|Dato|"
    "Lähetetty|Gönderildi|Gönderme tarihi|Tarih|Elküldve|Trimis|Στάλθηκε|Ημερομηνία|发送时间|日期|送信日時|日時|보낸 날짜|날짜"
)
TO = "To|An|À|A|Para|Do|Кому|Komu|Aan|אל|إلى|Till|Til|Vastaanottaja|Kime|Alıcı|Címzett|Către|Προς|收件人|收件者|宛先|받는 사람"
CC = "Cc|CC|DW|UDW|Копия|Копія|Kopie|עותק|نسخة|نسخة إلى|Kopia|Kopi|Kopio|Bilgi|Másolatot kap|Κοιν|Κοινοποίηση|抄送|副本|참조"
SUBJECT = (
    "Subject|Betreff|Objet|Asunto|Assunto|Oggetto|Temat|Тема|Předmět|Onderwerp|נושא|الموضوع|Ämne|Emne|Aihe|Konu|Tárgy|"
    "Subiect|Θέμα|主题|主旨|件名|제목"
)
OTHER = (
    "Importance|Priority|Attachments|Reply-To|Organization|Wichtigkeit|Anlagen|Ważność|Załączniki|Важность|Вложения|"
    "חשיבות|קבצים מצורפים|الأهمية|المرفقات|Pièces jointes"
)

# Between rows of hyphens: everything below is quoted.
ORIGINAL = (
    "Original Message|Original Appointment|Ursprüngliche Nachricht|Ursprungliche Nachricht|Message d'origine|Message original|"
    "Mensaje original|Mensagem original|Messaggio originale|Oryginalna wiadomość|Wiadomość oryginalna|"
    "Исходное сообщение|Оригинальное сообщение|Вихідне повідомлення|Původní zpráva|Oorspronkelijk bericht|"
    "הודעה מקורית|الرسالة الأصلية|رسالة أصلية|Ursprungligt meddelande|Oprindelig meddelelse|"
    "Opprinnelig melding|Alkuperäinen viesti|Orijinal Mesaj|Özgün İleti|Eredeti üzenet|Mesaj original|"
    "Αρχικό μήνυμα|原始邮件|原始郵件|元のメッセージ|원본 메시지"
)

# What is passed on is the content, not a quote: nothing below is taken away.
FORWARDED = (
    "Forwarded message|Begin forwarded message|Weitergeleitete Nachricht|Anfang der weitergeleiteten Nachricht|"
    "Message transféré|Début du message transféré|Message réexpédié|Mensaje reenviado|Mensagem encaminhada|"
    "Messaggio inoltrato|Przekazana wiadomość|Wiadomość przekazana|Treść przekazanej wiadomości|"
    "Пересылаемое сообщение|Пересланное сообщение|Перенаправленное сообщение|Переслане повідомлення|"
    "Přeposlaná zpráva|Doorgestuurd bericht|הודעה שהועברה|ההודעה שהועברה|רשالة معاد توجيهها|رسالة معاد توجيهها|"
    "الرسالة المعاد توجيهها|Vidarebefordrat meddelande|Videresendt meddelelse|İletilmiş mesaj|Yönlendirilmiş mesaj"
)
