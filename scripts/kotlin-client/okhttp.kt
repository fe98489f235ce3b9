// The declarations of OkHttp 4 that generated clients use, so that these compile without OkHttp.
// Nothing here can run.
package okhttp3

import java.io.Closeable
import java.io.File
import java.io.IOException
import java.io.InputStream

private fun never(): Nothing = throw UnsupportedOperationException("declarations only")

class MediaType private constructor() {
    companion object {
        fun String.toMediaTypeOrNull(): MediaType? = never()
    }
}

abstract class RequestBody {
    companion object {
        fun String.toRequestBody(contentType: MediaType? = null): RequestBody = never()
        fun ByteArray.toRequestBody(contentType: MediaType? = null): RequestBody = never()
        fun File.asRequestBody(contentType: MediaType? = null): RequestBody = never()
    }
}

class FormBody private constructor() : RequestBody() {
    class Builder {
        fun add(name: String, value: String): Builder = never()
        fun build(): FormBody = never()
    }
}

class MultipartBody private constructor() : RequestBody() {
    companion object {
        val FORM: MediaType get() = never()
    }

    class Builder {
        fun setType(type: MediaType): Builder = never()
        fun addPart(headers: Headers?, body: RequestBody): Builder = never()
        fun build(): MultipartBody = never()
    }
}

class HttpUrl private constructor() {
    companion object {
        fun String.toHttpUrlOrNull(): HttpUrl? = never()
    }

    val encodedPathSegments: List<String> get() = never()
    fun newBuilder(): Builder = never()

    class Builder {
        fun scheme(scheme: String): Builder = never()
        fun host(host: String): Builder = never()
        fun addPathSegment(pathSegment: String): Builder = never()
        fun addEncodedPathSegments(encodedPathSegments: String): Builder = never()
        fun addQueryParameter(name: String, value: String?): Builder = never()
        fun build(): HttpUrl = never()
    }
}

class Headers private constructor() {
    companion object {
        fun Map<String, String>.toHeaders(): Headers = never()
    }

    fun toMultimap(): Map<String, List<String>> = never()

    class Builder {
        fun add(name: String, value: String): Builder = never()
        fun build(): Headers = never()
    }
}

class Request private constructor() {
    class Builder {
        fun url(url: HttpUrl): Builder = never()
        fun delete(body: RequestBody? = null): Builder = never()
        fun head(): Builder = never()
        fun patch(body: RequestBody): Builder = never()
        fun post(body: RequestBody): Builder = never()
        fun put(body: RequestBody): Builder = never()
        fun method(method: String, body: RequestBody?): Builder = never()
        fun headers(headers: Headers): Builder = never()
        fun build(): Request = never()
    }
}

abstract class ResponseBody : Closeable {
    fun string(): String = never()
    fun bytes(): ByteArray = never()
    fun byteStream(): InputStream = never()
}

class Response private constructor() : Closeable {
    val code: Int get() = never()
    val message: String get() = never()
    val headers: Headers get() = never()
    val body: ResponseBody? get() = never()
    val isRedirect: Boolean get() = never()
    val isSuccessful: Boolean get() = never()
    fun header(name: String, defaultValue: String? = null): String? = never()
    override fun close() = never()
}

interface Callback {
    fun onFailure(call: Call, e: IOException)
    fun onResponse(call: Call, response: Response)
}

interface Call {
    fun execute(): Response
    fun enqueue(responseCallback: Callback)

    fun interface Factory {
        fun newCall(request: Request): Call
    }
}

class OkHttpClient private constructor() : Call.Factory {
    override fun newCall(request: Request): Call = never()

    class Builder {
        fun build(): OkHttpClient = never()
    }
}
