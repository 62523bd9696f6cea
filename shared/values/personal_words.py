"""The headers of personal columns in the languages of the usual exports, and usual given names: data for `personal`.

Words are spelled as `same_name_key` spells: small letters without marks and accents, umlauts as two letters.
"""

import re
from typing import Final

_OWNERS: Final = """
    user users contact contacts customer client lead person people member subscriber recipient buyer guest
    purchaser applicant prospect employee kunde kunden kontakt primary main first second secondary alternate
    alternative alt other preferred default hs properties billing shipping delivery invoice rechnungs liefer
    mailing postal legal facturation livraison
"""
_PLACES: Final = """
    work office home private personal business company direct assistant residential permanent current default
    address searchable calculated geschaeftlich geschaeftliche privat private dienstlich firmen dienst pro
    professionnel personnel
"""
_AFTER: Final = "0 1 2 3 4 5 6 7 8 9 work home private personal business primary main mobile value geschaeftlich privat"

_TERMS: Final[dict[str, str]] = {
    "email": """
        email emails emailaddress emailaddresses emailaddr emailid mail mails mailaddress mailid emailadresse
        emailadressen mailadresse adresseemail adressemail adressedecourriel courriel courrielelectronique
        correo correos correoelectronico direcciondecorreo direccionemail direccioncorreo
        direcciondecorreoelectronico postaelettronica indirizzoemail indirizzomail enderecodeemail emailadres
        mailadres epost epostadresse epostadress eposta adresemail elektronischepost electronicmail
        electronicmailaddress
""",
    "phone": """
        phone phones phonenumber phonenumbers phoneno phonenr phonenum telephone telephonenumber telephoneno tel
        telno telnr telnumber telefon telefonnr telefonnummer telefono telefone telefoon telefoonnummer
        numerodetelefono numerotelefono numeroditelefono numerodetelefone numerodetelephone numerotelephone
        notelephone mobile mobiles mobilephone mobilephonenumber mobilenumber mobileno mobilenr mobilephoneno
        mobil mobilnr mobilnummer mobiltelefon mobiltelefonnummer mobiltel mobiel mobielnummer cell cellphone
        cellnumber cellphonenumber cellular handy handynr handynummer rufnummer festnetz festnetznummer landline
        landlinenumber telephonemobile telephoneportable telephonefixe telmobile telportable movil telefonomovil
        telefonofijo celular telefonocelular cellulare telemovel gsm gsmnummer fax faxnumber faxno faxnr
        faxnummer telefax whatsapp whatsappnumber whatsappphonenumber msisdn sms smsnumber komorka numertelefonu
        telefonkomorkowy homephone workphone businessphone phoneext phoneextension durchwahl dayphone
        eveningphone phonewithcountrycode internationalphone internationalphonenumber phonee164
""",
    "name": """
        name names firstname firstnames lastname lastnames middlename fullname fullnames surname surnames
        givenname givennames forename forenames familyname nickname maidenname displayname secondname
        christianname initials firstandlastname firstlastname lastfirstname namefirst namelast personname
        contactperson nameofcontact fullnameoremail vorname vornamen nachname familienname zuname rufname
        geburtsname vorundnachname vornamenachname namevorname vornamename ansprechpartner ansprechpartnerin
        kontaktperson inhaber nom prenom prenoms nomprenom prenomnom nometprenom nomdefamille nomcomplet
        nomdejeunefille nombre nombres apellido apellidos primerapellido segundoapellido nombrecompleto
        nombreyapellidos nombreyapellido nome cognome nomecognome nomeecognome sobrenome apelido nomecompleto
        voornaam voornamen achternaam tussenvoegsel naam volledigenaam imie nazwisko imieinazwisko fornavn
        etternavn efternavn fornamn efternamn etunimi sukunimi
""",
    "street": """
        address addresses addressline fulladdress street streets streetname streetaddress streetnumber streetno
        streetandnumber housenumber houseno housename apartment apartmentnumber apt pobox postaladdress
        mailingaddress homeaddress streetaddressline addressstreet strasse strassenr strassehausnummer
        strasseundhausnummer strasseundnr strassenname hausnummer hausnr anschrift adresse adressen adresszeile
        adresszusatz postfach postanschrift rue numeroderue adressepostale adresserue complementadresse
        complementdadresse direccion direccionpostal calle calleynumero domicilio indirizzo indirizzocivico
        numerocivico straat straatnaam huisnummer adres endereco rua logradouro ulica numerdomu gateadresse
        gatuadress
""",
    "birth": """
        birthday birthdate birth dateofbirth dob bday birthdayddmm dayofbirth geburtstag geburtsdatum gebdatum
        gebdat geburt datedenaissance naissance anniversaire fechadenacimiento fechanacimiento nacimiento
        cumpleanos datadinascita compleanno datadenascimento datanascimento nascimento geboortedatum verjaardag
        dataurodzenia urodziny fodselsdato fodelsedatum
""",
    "identity_number": """
        ssn socialsecuritynumber socialsecurity socialinsurancenumber nationalinsurancenumber taxid taxnumber
        taxidentificationnumber passport passportno passportnumber nationalid nationalidnumber idcard
        idcardnumber idnumber identitynumber personalidnumber iban bankaccount bankaccountnumber creditcard
        creditcardnumber cardnumber ccnumber driverslicense driverslicensenumber driverlicense
        driverlicensenumber licenceplate licenseplate steuernummer steuerid steueridentifikationsnummer
        sozialversicherungsnummer ausweisnummer personalausweisnummer reisepass reisepassnummer kontonummer
        kreditkartennummer kfzkennzeichen dni nif nie curp cpf codicefiscale numerodesecuritesociale
        numerosecuritesociale numeropasaporte pasaporte pesel bsn burgerservicenummer aadhaar aadhaarnumber
        personnummer password passwort
""",
    "account_name": """
        username usernames userlogin login loginname screenname handle twitter twitterhandle twitterusername
        twitterurl twitterprofile xhandle linkedin linkedinurl linkedinprofile linkedinprofileurl linkedinbio
        linkedinid facebook facebookid facebookurl facebookprofile instagram instagramhandle instagramusername
        instagramurl skype skypeid skypename telegram telegramid telegramusername benutzername nutzername
        nomdutilisateur nombredeusuario usuario gebruikersnaam googleplus tiktok tiktokhandle personalwebsite website
        websiteurl homepage homepageurl webseite internetseite siteweb sitioweb sitoweb
""",
    "network_address": """
        ip ips ipaddress ipaddresses ipaddr ipv4 ipv6 ipadresse adresseip direccionip remoteip remoteaddr
        clientip userip lastip signupip optinip confirmip loginip lastloginip registrationip ipsignup ipopt
        macaddress useragent deviceid deviceidentifier idfa idfv gaid advertisingid cookieid browserip originip
""",
    "picture": """
        avatar avatarurl photo photourl photos picture pictureurl profilepicture profilephoto profileimage portrait
        foto image imageurl profileimageurl
        bild profilbild
    """,
    "postal_code": """
        zip zipcode zippostal zippostalcode zippostcode postalcode postcode postcodezip postal plz postleitzahl
        codepostal codigopostal codicepostale cep kodpocztowy postnummer postnr
""",
    "position": """
        latitude longitude lat lng lon latlng latlong geolocation geoip gpscoordinates coordinates gps breitengrad
        laengengrad
    """,
    "gender": """
        gender genders sex salutation anrede geschlecht genre sexe civilite genero sexo genere sesso geslacht
        aanhef plec tratamiento kjonn kon
""",
    "belief": """
        religion religiousaffiliation religiousbelief denomination konfession ethnicity ethnicgroup ethnicorigin
        ethnic race racialorigin sexualorientation politicalparty politicalaffiliation tradeunion
""",
    "free_text": """
        note notes comment comments remark remarks message messages messagetext messagebody description freetext
        bodytext body bodyline subject subjectline subjecttext emailsubject emailsubjectline emailbody emailtext
        mailtext lastemailsubject bemerkung bemerkungen notiz notizen kommentar kommentare anmerkung anmerkungen
        nachricht beschreibung betreff commentaire commentaires remarque remarques notas observaciones
        comentario comentarios mensaje descripcion commento commenti messaggio opmerking opmerkingen uwagi
""",
}


def _any_of(words: str) -> str:
    return "|".join(sorted(set(words.replace("-", "").split()), key=lambda word: (-len(word), word)))


def _terms() -> re.Pattern[str]:
    """Join the lists: whose it is, what it is, and which of several."""
    groups = []
    for kind, words in _TERMS.items():
        before = _OWNERS if kind == "name" else f"{_OWNERS} {_PLACES}"
        after = "" if kind == "free_text" else f"(?:{_any_of(_AFTER)})*"
        groups.append(f"(?:{_any_of(before)})*(?P<{kind}>{_any_of(words)}){after}")
    return re.compile("|".join(f"(?:{group})" for group in groups))


TERMS: Final = _terms()
"""Matches a whole header of a personal column; the group that matches names the kind."""

GIVEN_NAMES: Final = frozenset(
    re.findall(
        r"\S+",
        """
        aaron abigail achim adam adele adrian adriana agata agnes agnieszka ahmed aisha alan albert alberto
        aleksandra alessandro alessia alex alexander alexandra alexis alfred ali alice alicia alina alison allison
        amanda amelie amina amit amy ana anastasia andre andrea andreas andrew andrzej anette angela angelika anita
        anja anke ann anna anne annette anthony antje anton antonia antonio arnaud arthur arun ashley astrid aurelie
        axel ayse barbara bartosz beata beate beatrice ben benedikt benjamin bernard bernd bettina birgit bob boris
        brandon brenda brian brigitte bruno camille carla carlos carmen carol carolin caroline catherine cecile
        celine chantal charles chiara chloe chris christa christian christiane christina christine christoph
        christophe christopher clara claudia clemens cornelia cristina cynthia damien daniel daniela danielle
        dariusz david deborah deepak denis denise dennis diana dieter dirk dmitri dominik dominique donald donna
        dora dorothea doris eduardo edward elena elisabeth elise elizabeth elke emilia emilie emily emma emmanuel
        enrico eric erica erik erin ernst esther eva evelyn fabian fatima federica felix ferdinand fernando filip
        flavia florian francesca francesco francisco francois francoise frank franziska fritz gabriel gabriela
        gabriele gary george georg gerard gerd gerhard gertrud giovanni gisela giulia giuseppe gloria greg gregor
        gregory greta grzegorz guenther guillaume gunter hamza hannah hannes hans harald harry hassan heather heidi
        heike heiko heinrich heinz helen helena helga helmut hendrik henning henri henrik henry herbert hermann
        hildegard holger horst hubert hugo ibrahim ilse ines ingrid irene iris irina isaac isabel isabella isabelle
        iwona jack jacob jacqueline jacques jaime james jan jana jane janet janina jasmin jason javier jean jeff
        jeffrey jennifer jens jeremy jerzy jessica jesus jill joachim joan joanna joe joel joerg johan johann
        johanna johannes john jonas jonathan jorge jose josef joseph joshua juan judith julia julian juliane julie
        julien juergen jurgen justin justyna kai karen karin karl karol karsten katarzyna kate katharina katherine
        kathleen kathrin katja katrin kathryn kelly kenneth kerstin kevin kim kimberly klaus konrad krzysztof kumar
        kurt kyle lara larry lars laura laurent lea lena leo leon leonie lewis liam lisa linda lothar louis louise
        luca lucas lucia lucie luis luisa lukas lukasz maciej magdalena magnus maike maja malgorzata manfred manuel
        manuela marc marcel marcin marco marek margaret margarete margit maria marianne marie marina mario marion
        mark marko markus marlene marta martha martin martina mary mateusz mathias mathieu mathilde matteo matthew
        matthias maurice max maximilian megan mehmet melanie melissa mia michael michaela michal michel michele
        michelle miguel mikael mohamed mohammed monica monika monique moritz muhammad mustafa nadine nadja nancy
        natalia natalie nathalie nathan neha nicholas nick nico nicola nicolas nicole niklas nils nina noah nora
        norbert olaf olga oliver olivia olivier omar oscar oskar pablo pamela paolo pascal patricia patrick patrizia
        patryk paul paula pauline pavel pawel pedro peter petra philip philipp philippe pierre piotr priya rachel
        rafael rahul rainer raj ralf ralph ramona raphael raul rebecca regina reinhard reinhold renate rene ricardo
        richard rita robert roberto robin roland rolf romain roman ronald rosa rosemarie ruth ryan sabine sabrina
        salvatore sam samantha samuel sandra sandy sanjay sara sarah sascha scott sean sebastian sergio sharon
        shirley siegfried sigrid silke silvia simon simona simone sofie sonia sonja sophia sophie stefan stefanie
        stefano stella stephan stephane stephanie stephen steve steven sunil susan susanne suzanne svenja sven swen
        sylvia sylvie tamara tanja tatjana ted teresa theo theresa thomas thorsten tim timo timothy tobias todd tom
        tomasz tomas torsten tracy udo ulrich ulrike ursula uta ute uwe valentin valentina valerie vanessa vera
        verena veronica veronika vincent viktor vijay volker walter waltraud werner wilhelm william wojciech
        wolfgang xavier yann yannick yasmin yves yvonne zofia zoe
        """,
    )
)
"""Small letters, as `same_name_key` spells; names that are towns or things too are left away."""
